//! What a partition adds to a run: tags, and for a partitioned job its run config.

use std::collections::BTreeMap;

use serde_json::{Number, Value};

use super::client::Client;
use super::discover::{Asset, Found, Job, most_similar};
use super::error::Error;
use super::operations::wire::{
    AssetKeys, JobPartitionVariables, JobPartitionsVariables, PartitionKeysOrError,
    PartitionRunConfigOrError, PartitionSetOrError, PartitionTagsOrError, PartitionsOrError,
};
use super::operations::{AssetPartitions, JobPartition, JobPartitions, Operation};
use super::validate::RunConfig;

/// The tag that says which partition a run is for.
pub const PARTITION_TAG: &str = "dagster/partition";

/// What to launch a partition of a job with.
#[derive(Debug, Clone, PartialEq)]
pub struct PartitionOfJob {
    /// The run config that the job's partitioned config makes of the partition.
    pub run_config: RunConfig,
    /// The tags that say which partition it is, and those the job adds.
    pub tags: BTreeMap<String, String>,
}

/// What has partitions.
#[derive(Debug, Clone, Copy)]
pub enum Partitioned<'a> {
    /// An asset.
    Asset(&'a Asset),
    /// A job that is partitioned by itself.
    Job(Found<'a, Job>),
}

impl Partitioned<'_> {
    fn name(&self) -> String {
        match self {
            Self::Asset(asset) => asset.key.to_string(),
            Self::Job(job) => job.item.name.clone(),
        }
    }
}

impl Client {
    /// The partitions from one to another, both included, in Dagster's order. Of several
    /// dimensions that is the order in which Dagster lists their keys.
    pub async fn partition_range(
        &self,
        target: Partitioned<'_>,
        from: &str,
        to: &str,
    ) -> Result<Vec<String>, Error> {
        let keys = match target {
            Partitioned::Asset(asset) => self.partition_keys(asset).await?,
            Partitioned::Job(job) => self.partition_keys_of_job(&job).await?,
        };
        range(&target.name(), keys, from, to)
    }

    /// The partition keys of a job; none if it is not partitioned by itself.
    pub async fn partition_keys_of_job(&self, job: &Found<'_, Job>) -> Result<Vec<String>, Error> {
        let name = JobPartitions::DESCRIBED.name;
        let Some(partition_set) = job.item.partition_set.clone() else {
            return Ok(Vec::new());
        };
        let variables = JobPartitionsVariables {
            repository: job.repository().to_wire(),
            partition_set,
        };
        let data = self.execute::<JobPartitions>(&variables).await?;
        match data.partition_set_or_error {
            PartitionKeysOrError::PartitionSet {
                partitions_or_error: PartitionsOrError::Partitions { results },
            } => Ok(results.into_iter().map(|key| key.name).collect()),
            PartitionKeysOrError::PartitionSet {
                partitions_or_error: PartitionsOrError::PythonError(error),
            }
            | PartitionKeysOrError::PythonError(error) => Err(Error::python(name, error)),
            PartitionKeysOrError::NotFound => Ok(Vec::new()),
        }
    }

    /// The partition keys of an asset; none if it has no partitions.
    pub async fn partition_keys(&self, asset: &Asset) -> Result<Vec<String>, Error> {
        let variables = AssetKeys {
            asset_keys: vec![asset.key.clone()],
        };
        let data = self.execute::<AssetPartitions>(&variables).await?;
        let nodes = data.asset_nodes.into_iter();
        Ok(nodes.flat_map(|node| node.partition_keys).collect())
    }

    /// The tags that launch one partition of an asset, once it is sure that the asset has it.
    pub async fn partition_of_asset(
        &self,
        asset: &Asset,
        partition: &str,
    ) -> Result<BTreeMap<String, String>, Error> {
        let keys = self.partition_keys(asset).await?;
        if !keys.iter().any(|key| key == partition) {
            return Err(Error::PartitionNotFound {
                target: asset.key.to_string(),
                partition: partition.to_owned(),
                suggestion: most_similar(partition, keys.iter().map(String::as_str)),
            });
        }
        let dimensions = asset.partitions.as_ref().map(|p| p.dimensions.as_slice());
        Ok(partition_tags(partition, dimensions.unwrap_or_default()))
    }

    /// The run config and tags of one partition of a job that is partitioned by itself.
    pub async fn partition_of_job(
        &self,
        job: &Found<'_, Job>,
        partition: &str,
    ) -> Result<PartitionOfJob, Error> {
        let name = JobPartition::DESCRIBED.name;
        let not_found = |suggestion| Error::PartitionNotFound {
            target: job.item.name.clone(),
            partition: partition.to_owned(),
            suggestion,
        };
        let Some(partition_set) = job.item.partition_set.clone() else {
            return Err(not_found(None));
        };
        let variables = JobPartitionVariables {
            repository: job.repository().to_wire(),
            partition_set,
            partition: partition.to_owned(),
        };
        let data = self.execute::<JobPartition>(&variables).await?;
        let (known, found) = match data.partition_set_or_error {
            PartitionSetOrError::PartitionSet {
                partitions_or_error: PartitionsOrError::Partitions { results },
                partition,
            } => (results, partition),
            PartitionSetOrError::PartitionSet {
                partitions_or_error: PartitionsOrError::PythonError(error),
                ..
            }
            | PartitionSetOrError::PythonError(error) => return Err(Error::python(name, error)),
            PartitionSetOrError::NotFound => return Err(not_found(None)),
        };
        // Dagster makes up any partition it is asked for, so the list has to be looked at.
        let is_known = known.iter().any(|key| key.name == partition);
        let Some(found) = found.filter(|_| is_known) else {
            let names = known.iter().map(|key| key.name.as_str());
            return Err(not_found(most_similar(partition, names)));
        };
        let yaml = match found.run_config_or_error {
            PartitionRunConfigOrError::PartitionRunConfig { yaml } => yaml,
            PartitionRunConfigOrError::PythonError(error) => {
                return Err(Error::python(name, error));
            }
        };
        let tags = match found.tags_or_error {
            PartitionTagsOrError::PartitionTags { results } => results,
            PartitionTagsOrError::PythonError(error) => return Err(Error::python(name, error)),
        };
        let run_config = read_yaml(&yaml).ok_or_else(|| Error::BrokenAnswer {
            url: self.url().to_owned(),
            operation: name,
            reason: "the partition's run config is not a YAML mapping".to_owned(),
        })?;
        Ok(PartitionOfJob {
            run_config,
            tags: tags.into_iter().map(|tag| (tag.key, tag.value)).collect(),
        })
    }
}

fn range(target: &str, mut keys: Vec<String>, from: &str, to: &str) -> Result<Vec<String>, Error> {
    let place = |wanted: &str| {
        let place = keys.iter().position(|key| key == wanted);
        place.ok_or_else(|| Error::PartitionNotFound {
            target: target.to_owned(),
            partition: wanted.to_owned(),
            suggestion: most_similar(wanted, keys.iter().map(String::as_str)),
        })
    };
    let (first, last) = (place(from)?, place(to)?);
    if last < first {
        return Err(Error::PartitionsReversed {
            target: target.to_owned(),
            from: from.to_owned(),
            to: to.to_owned(),
        });
    }
    keys.truncate(last + 1);
    Ok(keys.split_off(first))
}

/// The tags of a partition. Of a multi-partitioned asset, Dagster wants each dimension's too.
fn partition_tags(partition: &str, dimensions: &[String]) -> BTreeMap<String, String> {
    let parts: Vec<&str> = partition.split('|').collect();
    let mut tags = BTreeMap::from([(PARTITION_TAG.to_owned(), partition.to_owned())]);
    if parts.len() == dimensions.len() {
        let of_dimension = dimensions.iter().zip(parts);
        tags.extend(
            of_dimension.map(|(name, part)| (format!("{PARTITION_TAG}/{name}"), part.to_owned())),
        );
    }
    tags
}

/// The YAML that Dagster writes for a run config, which knows neither tags nor aliases.
fn read_yaml(text: &str) -> Option<RunConfig> {
    use saphyr::LoadableYamlNode;

    let documents = saphyr::Yaml::load_from_str(text).ok()?;
    match documents.first().map(to_json) {
        None | Some(Some(Value::Null)) => Some(RunConfig::new()),
        Some(Some(Value::Object(config))) => Some(config),
        _ => None,
    }
}

fn to_json(yaml: &saphyr::Yaml<'_>) -> Option<Value> {
    use saphyr::{Scalar, Yaml};

    Some(match yaml {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(value)) => Value::Bool(*value),
        Yaml::Value(Scalar::Integer(value)) => Value::Number((*value).into()),
        Yaml::Value(Scalar::FloatingPoint(value)) => Value::Number(Number::from_f64(**value)?),
        Yaml::Value(Scalar::String(value)) => Value::String(value.clone().into_owned()),
        Yaml::Sequence(items) => Value::Array(items.iter().map(to_json).collect::<Option<_>>()?),
        Yaml::Mapping(fields) => {
            let mut object = RunConfig::new();
            for (key, value) in fields {
                let key = match to_json(key)? {
                    Value::String(key) => key,
                    other => other.to_string(),
                };
                object.insert(key, to_json(value)?);
            }
            Value::Object(object)
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;

    #[test]
    fn each_dimension_of_a_partition_gets_its_tag() {
        let dimensions = ["abc".to_owned(), "color".to_owned()];
        let tags = partition_tags("a|red", &dimensions);
        assert_eq!(
            tags.get("dagster/partition").map(String::as_str),
            Some("a|red")
        );
        assert_eq!(
            tags.get("dagster/partition/abc").map(String::as_str),
            Some("a")
        );
        assert_eq!(
            tags.get("dagster/partition/color").map(String::as_str),
            Some("red")
        );
        // A key of one dimension may contain the separator.
        assert_eq!(partition_tags("a|b", &[]).len(), 1);
    }

    #[test]
    fn a_range_has_both_its_ends() {
        let keys = || ["jan", "feb", "mar", "apr"].map(str::to_owned).to_vec();
        let of = |from, to| range("sales", keys(), from, to);
        assert_eq!(of("feb", "mar").expect("a range"), ["feb", "mar"]);
        assert_eq!(of("jan", "apr").expect("a range"), keys());
        assert_eq!(of("apr", "apr").expect("a range"), ["apr"]);
        let reversed = of("mar", "feb");
        assert!(matches!(reversed, Err(Error::PartitionsReversed { .. })));
        let missing = of("feb", "marr");
        assert!(
            matches!(&missing, Err(Error::PartitionNotFound { suggestion: Some(key), .. }) if key == "mar")
        );
        let none = range("sales", Vec::new(), "jan", "feb");
        assert!(matches!(none, Err(Error::PartitionNotFound { .. })));
    }

    #[test]
    fn the_run_config_of_a_partition_is_read() {
        let text =
            "ops:\n  odd:\n    config:\n      n: 2\n      s: '2'\n      l: [1.5, null, true]\n";
        let config = read_yaml(text).expect("a mapping");
        assert_eq!(
            Value::Object(config),
            json!({"ops": {"odd": {"config": {"n": 2, "s": "2", "l": [1.5, null, true]}}}})
        );
        assert_eq!(read_yaml("{}\n"), Some(RunConfig::new()));
        assert_eq!(read_yaml(""), Some(RunConfig::new()));
        assert_eq!(read_yaml("- 1\n"), None);
        assert_eq!(read_yaml("a: ["), None);
    }
}
