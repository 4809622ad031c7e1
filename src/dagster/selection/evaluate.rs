//! What a [`Selection`] chooses from a [`Graph`].

use std::collections::BTreeSet;

use super::graph::{Graph, Node};
use super::{Attribute, Expr, Selection, Untold};
use crate::dagster::asset_key::AssetKey;
use crate::dagster::discover::PartitionKind;

/// For each node of the graph, whether it is chosen.
type Chosen = Vec<bool>;

impl Selection {
    /// The assets that are selected, as Dagster selects them with external assets included.
    ///
    /// As there, `+…` keeps only what can be materialized.
    pub fn evaluate(&self, graph: &Graph<'_>) -> Result<BTreeSet<AssetKey>, Untold> {
        let chosen = evaluate(&self.expr, graph)?;
        let nodes = graph.nodes.iter().zip(chosen);
        Ok(nodes
            .filter(|(_, chosen)| *chosen)
            .map(|(node, _)| node.key().clone())
            .collect())
    }
}

fn evaluate(expr: &Expr, graph: &Graph<'_>) -> Result<Chosen, Untold> {
    Ok(match expr {
        Expr::All => vec![true; graph.nodes.len()],
        Expr::Has(attribute) => {
            let nodes = graph.nodes.iter();
            nodes
                .map(|node| has(node, attribute))
                .collect::<Result<_, _>>()?
        }
        Expr::Not(inner) => evaluate(inner, graph)?.into_iter().map(|it| !it).collect(),
        Expr::And(parts) => fold(parts, graph, |a, b| a && b)?,
        Expr::Or(parts) => fold(parts, graph, |a, b| a || b)?,
        Expr::Roots(inner) => {
            let inner = evaluate(inner, graph)?;
            let below = reached(&inner, &graph.children, usize::MAX);
            without(inner, &below)
        }
        Expr::Sinks(inner) => {
            let inner = evaluate(inner, graph)?;
            let above = reached(&inner, &graph.parents, usize::MAX);
            without(inner, &above)
        }
        Expr::Walk { from, up, down } => {
            let from = evaluate(from, graph)?;
            let mut chosen = vec![false; from.len()];
            if let Some(steps) = up {
                let above = reached(&from, &graph.parents, *steps);
                for (index, node) in graph.nodes.iter().enumerate() {
                    let is_there = from[index] || above[index];
                    chosen[index] = is_there && node.asset.item.is_materializable;
                }
            }
            if let Some(steps) = down {
                let below = reached(&from, &graph.children, *steps);
                for (index, slot) in chosen.iter_mut().enumerate() {
                    *slot |= from[index] || below[index];
                }
            }
            chosen
        }
    })
}

fn fold(
    parts: &[Expr],
    graph: &Graph<'_>,
    join: impl Fn(bool, bool) -> bool,
) -> Result<Chosen, Untold> {
    let mut parts = parts.iter();
    let mut chosen = match parts.next() {
        Some(first) => evaluate(first, graph)?,
        None => vec![false; graph.nodes.len()],
    };
    for part in parts {
        for (slot, other) in chosen.iter_mut().zip(evaluate(part, graph)?) {
            *slot = join(*slot, other);
        }
    }
    Ok(chosen)
}

/// What can be reached by 1 to `steps` steps along `edges`.
fn reached(from: &Chosen, edges: &[Vec<usize>], steps: usize) -> Chosen {
    let mut found = vec![false; from.len()];
    let mut front: Vec<usize> = (0..from.len()).filter(|&index| from[index]).collect();
    let mut taken = 0;
    // Ends, for each round but the first begins with nodes that were not found before.
    while taken < steps && !front.is_empty() {
        let mut next = Vec::new();
        for index in front {
            for &other in &edges[index] {
                if !std::mem::replace(&mut found[other], true) && !from[other] {
                    next.push(other);
                }
            }
        }
        front = next;
        taken += 1;
    }
    found
}

fn without(mut chosen: Chosen, others: &Chosen) -> Chosen {
    for (slot, other) in chosen.iter_mut().zip(others) {
        *slot &= !other;
    }
    chosen
}

fn has(node: &Node<'_>, attribute: &Attribute) -> Result<bool, Untold> {
    let asset = node.asset.item;
    let untold = |attribute| move || Untold { attribute };
    Ok(match attribute {
        Attribute::Key(pattern) => matches(pattern, &asset.key.to_string()),
        Attribute::Tag(key, value) => {
            let tags = asset.tags.as_ref().ok_or_else(untold("tags"))?;
            match key.strip_prefix("dagster/kind/") {
                // Dagster keeps kinds as tags without a value.
                Some(kind) if value.is_empty() => kinds(node)?.iter().any(|own| own == kind),
                _ => tags.get(key) == Some(value),
            }
        }
        Attribute::Owner(owner) => {
            let owners = asset.owners.as_ref().ok_or_else(untold("owners"))?;
            match owner {
                Some(owner) => owners.contains(owner),
                None => owners.is_empty(),
            }
        }
        Attribute::Group(Some(group)) if group.contains('*') => matches(group, &asset.group),
        Attribute::Group(group) => group.as_deref() == Some(asset.group.as_str()),
        Attribute::Kind(Some(kind)) => kinds(node)?.contains(kind),
        Attribute::Kind(None) => kinds(node)?.is_empty(),
        Attribute::CodeLocation(location) => match location.as_deref() {
            None => false,
            Some(name) => match name.split_once('@') {
                Some((repository, location)) => {
                    node.asset.repository == repository && node.asset.location == location
                }
                None => node.asset.location == name,
            },
        },
        Attribute::Job(job) => job.as_deref().is_some_and(|job| node.jobs.contains(&job)),
        Attribute::Partitions(kind) => match (kind.as_deref(), asset.partitions.as_slice()) {
            (None | Some("none"), by) => by.is_empty(),
            (Some("static"), [PartitionKind::Static])
            | (Some("dynamic"), [PartitionKind::Dynamic])
            | (Some("time"), [PartitionKind::TimeWindow])
            | (Some("multipartitions"), [_, _, ..]) => true,
            _ => false,
        },
        // Dagster counts those that are only observed, too.
        Attribute::IsExternal => !asset.is_materializable,
        Attribute::IsMaterializable => asset.is_materializable,
    })
}

fn kinds<'a>(node: &Node<'a>) -> Result<&'a Vec<String>, Untold> {
    let kinds = node.asset.item.kinds.as_ref();
    kinds.ok_or(Untold { attribute: "kinds" })
}

/// Whether a text is what a pattern says, in which `*` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return rest.is_empty();
    };
    // What stands between two stars may as well be found as early as it comes.
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}
