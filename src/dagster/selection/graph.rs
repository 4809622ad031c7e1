//! The assets of all code locations as one graph.

use std::collections::HashMap;

use crate::dagster::asset_key::AssetKey;
use crate::dagster::catalog::{Asset, Catalog};
use crate::dagster::discover::Found;

/// The assets that a selection chooses among, and how they depend on each other. An asset that
/// several locations know counts once, as the one that makes it says.
#[derive(Debug)]
pub struct Graph<'a> {
    pub(super) nodes: Vec<Node<'a>>,
    /// For each node, those that it is made from.
    pub(super) parents: Vec<Vec<usize>>,
    /// For each node, those that are made from it.
    pub(super) children: Vec<Vec<usize>>,
}

#[derive(Debug)]
pub(super) struct Node<'a> {
    pub(super) asset: Found<'a, Asset>,
    /// Its jobs, in all locations.
    pub(super) jobs: Vec<&'a str>,
}

impl Node<'_> {
    pub(super) fn key(&self) -> &AssetKey {
        &self.asset.item.key
    }
}

impl<'a> Graph<'a> {
    /// The graph of all assets of a server.
    pub fn of(catalog: &'a Catalog) -> Self {
        Self::new(catalog.assets())
    }

    /// The graph of some assets.
    pub fn new(assets: impl IntoIterator<Item = Found<'a, Asset>>) -> Self {
        let mut nodes: Vec<Node<'a>> = Vec::new();
        let mut by_key: HashMap<&'a AssetKey, usize> = HashMap::new();
        for asset in assets {
            let jobs = asset.item.jobs.iter().map(String::as_str);
            match by_key.get(&asset.item.key) {
                Some(&index) => {
                    let node: &mut Node<'a> = &mut nodes[index];
                    node.jobs.extend(jobs);
                    if rank(asset.item) > rank(node.asset.item) {
                        node.asset = asset;
                    }
                }
                None => {
                    by_key.insert(&asset.item.key, nodes.len());
                    nodes.push(Node {
                        asset,
                        jobs: jobs.collect(),
                    });
                }
            }
        }
        let mut parents = vec![Vec::new(); nodes.len()];
        let mut children = vec![Vec::new(); nodes.len()];
        for (index, node) in nodes.iter().enumerate() {
            for key in &node.asset.item.dependencies {
                // An asset that is made from its own earlier partitions is no step up.
                if let Some(&parent) = by_key.get(key).filter(|&&parent| parent != index) {
                    parents[index].push(parent);
                    children[parent].push(index);
                }
            }
        }
        Self {
            nodes,
            parents,
            children,
        }
    }
}

/// How much a location has to say about an asset.
fn rank(asset: &Asset) -> u8 {
    u8::from(asset.is_executable) + 2 * u8::from(asset.is_materializable)
}
