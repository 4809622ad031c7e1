//! Finding many texts in a long one.
//!
//! Every pattern has at least [`SHORTEST`] bytes, so of the first bytes of one that occurs, three lie
//! at every fourth place of the text. Only those are looked at: whether they can belong to a pattern
//! is a bit in a table. What passes is compared with the sorted patterns. There is nothing to be
//! built that could fail, and nothing hostile text can make slow.

use std::collections::BTreeSet;
use std::ops::Range;

/// How long every pattern is at least, in bytes.
pub(super) const SHORTEST: usize = 6;

/// How far apart the places are that are looked at: `SHORTEST` without a block, and one.
const STRIDE: usize = SHORTEST - BLOCK + 1;

/// How many bytes are looked at.
const BLOCK: usize = 3;

/// Patterns, and tables of what they begin with.
#[derive(Debug, Default)]
pub(super) struct Finder {
    patterns: Vec<Vec<u8>>,
    /// For each pattern, the longest other one that it begins with.
    shorter: Vec<Option<usize>>,
    blocks: Table,
    beginnings: Table,
    longest: usize,
}

impl Finder {
    /// For these patterns. Those that are too short are left out.
    pub(super) fn new(patterns: BTreeSet<String>) -> Self {
        let mut finder = Self::default();
        // Those that are open: each is the beginning of the next.
        let mut open: Vec<usize> = Vec::new();
        let patterns = patterns.into_iter().map(String::into_bytes);
        for pattern in patterns.filter(|pattern| pattern.len() >= SHORTEST) {
            while open
                .last()
                .is_some_and(|&index| !pattern.starts_with(&finder.patterns[index]))
            {
                open.pop();
            }
            finder.shorter.push(open.last().copied());
            open.push(finder.patterns.len());
            for at in 0..STRIDE {
                finder.blocks.insert(block(&pattern[at..]));
            }
            finder.beginnings.insert(beginning(&pattern));
            finder.longest = finder.longest.max(pattern.len());
            finder.patterns.push(pattern);
        }
        finder
    }

    /// Whether there is nothing to find.
    pub(super) fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// How long the longest pattern is.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    /// The first occurrence that begins at `from` or later: the longest of those that begin there.
    pub(super) fn find(&self, text: &[u8], from: usize) -> Option<Range<usize>> {
        if self.is_empty() {
            return None;
        }
        let mut next = from;
        // The last block of the first pattern that could begin here.
        let mut at = from + STRIDE - 1;
        while at + BLOCK <= text.len() {
            if self.blocks.may_have(block(&text[at..])) {
                for start in next.max(at + 1 - STRIDE)..=at {
                    if let Some(length) = self.at(&text[start..])
                        && !is_inside_a_number(text, start, length)
                    {
                        return Some(start..start + length);
                    }
                }
                next = at + 1;
            }
            at += STRIDE;
        }
        // The rest is too short for the stride, but not for a pattern.
        let rest = next.max((at + 1).saturating_sub(STRIDE));
        (rest..text.len().saturating_sub(SHORTEST - 1)).find_map(|start| {
            let length = self.at(&text[start..])?;
            (!is_inside_a_number(text, start, length)).then(|| start..start + length)
        })
    }

    /// How long the longest pattern is that `text` begins with.
    fn at(&self, text: &[u8]) -> Option<usize> {
        if text.len() < SHORTEST || !self.beginnings.may_have(beginning(text)) {
            return None;
        }
        // Whatever `text` begins with is not after it; and the last pattern that is not after it
        // begins with all the others that `text` begins with.
        let after = self
            .patterns
            .partition_point(|pattern| pattern.as_slice() <= text);
        let mut candidate = after.checked_sub(1);
        while let Some(index) = candidate {
            if text.starts_with(&self.patterns[index]) {
                return Some(self.patterns[index].len());
            }
            candidate = self.shorter[index];
        }
        None
    }
}

/// Whether what was found is digits of a longer number: that has nothing to do with the secret.
fn is_inside_a_number(text: &[u8], start: usize, length: usize) -> bool {
    let digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
    let end = start + length;
    text[start..end].iter().all(u8::is_ascii_digit)
        && (digit(start.checked_sub(1).and_then(|at| text.get(at)))
            || digit(text.get(end))
            || (text.get(end) == Some(&b'.') && digit(text.get(end + 1)))
            || (start >= 2 && text[start - 1] == b'.' && text[start - 2].is_ascii_digit()))
}

fn block(text: &[u8]) -> u32 {
    let value = u32::from_le_bytes([text[0], text[1], text[2], 0]);
    value.wrapping_mul(0x9E37_79B1)
}

fn beginning(text: &[u8]) -> u32 {
    let first = u32::from_le_bytes([text[0], text[1], text[2], text[3]]);
    let second = u32::from(text[4]) | u32::from(text[5]) << 8;
    first.wrapping_mul(0x85EB_CA6B) ^ second.wrapping_mul(0x9E37_79B1)
}

/// A set of hashes that may say that it has one that it has not.
#[derive(Debug)]
struct Table(Vec<u64>);

impl Table {
    /// 32 KiB, which stay in a processor's nearest cache.
    const BITS: u32 = 18;

    fn place(hash: u32) -> (usize, u64) {
        let bit = hash >> (u32::BITS - Self::BITS);
        ((bit / 64) as usize, 1 << (bit % 64))
    }

    fn insert(&mut self, hash: u32) {
        let (word, bit) = Self::place(hash);
        self.0[word] |= bit;
    }

    fn may_have(&self, hash: u32) -> bool {
        let (word, bit) = Self::place(hash);
        self.0[word] & bit != 0
    }
}

impl Default for Table {
    fn default() -> Self {
        Self(vec![0; 1 << (Self::BITS - 6)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finder(patterns: &[&str]) -> Finder {
        Finder::new(patterns.iter().map(|&it| it.to_owned()).collect())
    }

    fn all(finder: &Finder, text: &str) -> Vec<Range<usize>> {
        let mut at = 0;
        std::iter::from_fn(|| {
            let found = finder.find(text.as_bytes(), at)?;
            at = found.end;
            Some(found)
        })
        .collect()
    }

    #[test]
    fn every_place_and_the_longest_is_found() {
        let finder = finder(&["abcdef", "abcdefgh", "abcdefghij!", "zzzzzz"]);
        for before in 0..20 {
            for after in 0..10 {
                for (pattern, rest) in [("abcdef", "x"), ("abcdefgh", "i"), ("zzzzzz", "")] {
                    let head = "a".repeat(before);
                    let text = format!("{head}{pattern}{rest}{}", "b".repeat(after));
                    let found = all(&finder, &text);
                    let only = found.as_slice();
                    let expected = before..before + pattern.len();
                    assert!(
                        matches!(only, [one] if *one == expected),
                        "{text}: {found:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn it_finds_what_a_plain_search_finds() {
        // Few letters, so that much is nearly found; by a generator of our own, so always the same.
        let mut state = 7_u32;
        let mut letters = |count: usize| -> String {
            let mut letter = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                char::from(b'a' + (state >> 24) as u8 % 2)
            };
            (0..count).map(|_| letter()).collect()
        };
        for _ in 0..200 {
            let patterns: BTreeSet<String> = (6..16).map(&mut letters).collect();
            let text = letters(400);
            let mut expected = Vec::new();
            let mut at = 0;
            while at < text.len() {
                let here = patterns.iter().filter(|it| text[at..].starts_with(*it));
                match here.map(String::len).max() {
                    Some(length) => {
                        expected.push(at..at + length);
                        at += length;
                    }
                    None => at += 1,
                }
            }
            assert_eq!(all(&Finder::new(patterns), &text), expected);
        }
    }

    #[test]
    fn digits_are_not_found_inside_numbers() {
        let finder = finder(&["12345678"]);
        for text in ["12345678901", "012345678", "1.12345678", "12345678.5"] {
            assert!(all(&finder, text).is_empty(), "{text}");
        }
        for text in [
            "12345678",
            "x12345678y",
            "12345678.",
            "911234567812345678 12345678",
        ] {
            assert_eq!(all(&finder, text).len(), 1, "{text}");
        }
    }

    #[test]
    fn nothing_is_found_by_nothing() {
        assert!(all(&finder(&[]), "some text").is_empty());
        assert!(all(&finder(&["short"]), "short text").is_empty());
    }
}
