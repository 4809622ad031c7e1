//! Cells that need each other, made one: marimo refuses circles.

use std::collections::{BTreeSet, HashMap};

use super::cells::{Piece, Role};
use super::definitions::is_private;
use super::{Issue, Severity, Statistics, scope};

/// Merges what can't be apart, in the place of the first.
pub fn merge(pieces: &mut Vec<Piece>, issues: &mut Vec<Issue>, statistics: &mut Statistics) {
    let group = components(&edges(pieces));
    let mut members: HashMap<usize, Vec<usize>> = HashMap::new();
    for (piece, component) in group.iter().enumerate() {
        members.entry(*component).or_default().push(piece);
    }
    let mut gone = BTreeSet::new();
    let mut groups: Vec<Vec<usize>> = members.into_values().filter(|all| all.len() > 1).collect();
    groups.sort();
    for all in groups {
        let (first, others) = all.split_first().expect("a group has members");
        for other in others {
            let other_piece = pieces[*other].clone();
            let piece = &mut pieces[*first];
            piece.code = format!("{}\n\n{}", piece.code.trim_end(), other_piece.code);
            if !piece.trailer.is_empty() && !other_piece.trailer.is_empty() {
                piece.trailer.push('\n');
            }
            piece.trailer.push_str(&other_piece.trailer);
            piece.origins.extend(other_piece.origins);
            gone.insert(*other);
        }
        statistics.cells_merged += all.len();
        let numbers: Vec<String> = pieces[*first]
            .origins
            .iter()
            .map(ToString::to_string)
            .collect();
        let reason = format!("cells {} need each other's definitions", numbers.join(", "));
        let issue = Issue::new(Severity::Info, "merged", reason).done("they are one cell now");
        issues.push(pieces[*first].about(issue));
    }
    let mut index = 0;
    pieces.retain(|_| {
        index += 1;
        !gone.contains(&(index - 1))
    });
}

/// Which cells each cell needs.
fn edges(pieces: &[Piece]) -> Vec<Vec<usize>> {
    let names: Vec<scope::Names> = pieces
        .iter()
        .map(|piece| match piece.role {
            Role::Markdown => scope::Names::default(),
            Role::Helper | Role::Code => piece.names(),
        })
        .collect();
    let mut definer: HashMap<&str, usize> = HashMap::new();
    for (index, names) in names.iter().enumerate() {
        for name in names.written().into_iter().filter(|name| !is_private(name)) {
            definer.entry(name).or_insert(index);
        }
    }
    let needs = |index: usize| {
        let read = names[index].read();
        let of = read
            .into_iter()
            .filter_map(|name| definer.get(name).copied());
        of.filter(|other| *other != index)
            .collect::<BTreeSet<usize>>()
    };
    (0..pieces.len())
        .map(|index| needs(index).into_iter().collect())
        .collect()
}

/// The strongly connected component of each node, without recursion (Kosaraju).
fn components(edges: &[Vec<usize>]) -> Vec<usize> {
    let count = edges.len();
    let mut order = Vec::with_capacity(count);
    let mut seen = vec![false; count];
    for root in 0..count {
        if std::mem::replace(&mut seen[root], true) {
            continue;
        }
        let mut stack = vec![(root, 0)];
        while let Some((node, next)) = stack.pop() {
            match edges[node].get(next) {
                Some(&to) => {
                    stack.push((node, next + 1));
                    if !std::mem::replace(&mut seen[to], true) {
                        stack.push((to, 0));
                    }
                }
                None => order.push(node),
            }
        }
    }
    let mut backwards = vec![Vec::new(); count];
    for (from, targets) in edges.iter().enumerate() {
        for to in targets {
            backwards[*to].push(from);
        }
    }
    let mut component = vec![usize::MAX; count];
    for root in order.into_iter().rev() {
        let mut stack = vec![root];
        while let Some(node) = stack.pop() {
            if component[node] == usize::MAX {
                component[node] = root;
                stack.extend(&backwards[node]);
            }
        }
    }
    component
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn circles_are_found() {
        let found = components(&[vec![1], vec![2], vec![0, 3], vec![], vec![4]]);
        assert_eq!(found[0], found[1]);
        assert_eq!(found[1], found[2]);
        assert_ne!(found[2], found[3]);
        assert_ne!(found[3], found[4]);
    }
}
