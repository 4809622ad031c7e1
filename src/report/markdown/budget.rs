//! A document that leaves out whole rows and blocks, the least important first, to stay short.

use crate::ui::text::count;

/// What stays longest, first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Importance {
    /// That something failed, and where.
    Failure,
    /// How it failed.
    Detail,
    /// What should be looked at.
    Warning,
    /// What did not happen.
    Skipped,
    /// What went well.
    Passed,
}

/// Rows or blocks under one heading. The heading is written only if one of them is.
pub(super) struct Section {
    noun: &'static str,
    before: String,
    after: String,
    items: Vec<(Importance, String)>,
}

impl Section {
    pub(super) fn new(noun: &'static str, before: String, after: String) -> Self {
        Self {
            noun,
            before,
            after,
            items: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, importance: Importance, text: String) {
        self.items.push((importance, text));
    }
}

/// Everything that is said if there is room for it.
pub(super) struct Document {
    pub(super) headline: String,
    /// What is said if there is no room for even the headline, without a foreign word: it is cut.
    pub(super) shortest: String,
    pub(super) sections: Vec<Section>,
    /// A sentence about where to find what was left out.
    pub(super) elsewhere: String,
    pub(super) footer: String,
}

/// Room for the sentence that says what was left out.
const NOTE: usize = 800;

impl Document {
    /// The document in at most `budget` characters.
    pub(super) fn render(&self, budget: usize) -> String {
        let whole = self.assemble(|_, _| true, "");
        if length(&whole) <= budget {
            return whole;
        }
        let kept = self.choose(budget);
        let text = self.assemble(
            |section, item| kept[section][item],
            &self.note(&kept, budget),
        );
        if length(&text) <= budget {
            return text;
        }
        beginning(&self.shortest, budget)
    }

    fn assemble(&self, keep: impl Fn(usize, usize) -> bool, note: &str) -> String {
        let mut out = self.headline.clone();
        for (index, section) in self.sections.iter().enumerate() {
            let kept = section
                .items
                .iter()
                .enumerate()
                .filter(|(item, _)| keep(index, *item));
            let body: String = kept.map(|(_, (_, text))| text.as_str()).collect();
            if !body.is_empty() {
                out.push_str(&section.before);
                out.push_str(&body);
                out.push_str(&section.after);
            }
        }
        out.push_str(note);
        out.push_str(&self.footer);
        out
    }

    /// Which item of which section stays: in order of importance, each that still fits. Headings
    /// are paid for by the first item below them.
    fn choose(&self, budget: usize) -> Vec<Vec<bool>> {
        let mut kept: Vec<Vec<bool>> = self
            .sections
            .iter()
            .map(|section| vec![false; section.items.len()])
            .collect();
        let mut order: Vec<(Importance, usize, usize)> = Vec::new();
        for (index, section) in self.sections.iter().enumerate() {
            let items = section.items.iter().enumerate();
            order.extend(items.map(|(item, (importance, _))| (*importance, index, item)));
        }
        order.sort();
        let mut opened = vec![false; self.sections.len()];
        let mut used = length(&self.headline) + length(&self.footer) + NOTE;
        for (_, index, item) in order {
            let section = &self.sections[index];
            let mut cost = length(&section.items[item].1);
            if !opened[index] {
                cost += length(&section.before) + length(&section.after);
            }
            if used + cost <= budget {
                used += cost;
                opened[index] = true;
                kept[index][item] = true;
            }
        }
        kept
    }

    fn note(&self, kept: &[Vec<bool>], budget: usize) -> String {
        let mut parts: Vec<(&str, usize)> = Vec::new();
        for (section, kept) in self.sections.iter().zip(kept) {
            let cut = kept.iter().filter(|kept| !**kept).count();
            match parts.iter_mut().find(|(noun, _)| *noun == section.noun) {
                Some((_, n)) => *n += cut,
                None => parts.push((section.noun, cut)),
            }
        }
        let parts = parts.into_iter().filter(|(_, cut)| *cut > 0);
        let parts: Vec<String> = parts.map(|(noun, cut)| count(cut, noun)).collect();
        format!(
            "\n> Left out to stay within {budget} characters: {}. {}.\n",
            parts.join(", "),
            self.elsewhere
        )
    }
}

/// Characters as UTF-16 counts them: those beyond the first plane, most emoji, count twice. GitHub
/// counts code points or these, depending on the place; this is never less.
fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

/// As much of `text` as fits.
fn beginning(text: &str, budget: usize) -> String {
    let mut used = 0;
    let fits = text.chars().take_while(|c| {
        used += c.len_utf16();
        used <= budget
    });
    fits.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(rows: usize) -> Document {
        let mut section = Section::new("row", "\n| 🧪 |\n| -- |\n".to_owned(), String::new());
        for _ in 0..rows {
            section.push(Importance::Failure, format!("| {} |\n", "😀".repeat(40)));
        }
        Document {
            headline: "🚀".repeat(20),
            shortest: "🚀".repeat(20),
            sections: vec![section],
            elsewhere: "It is elsewhere".to_owned(),
            footer: String::new(),
        }
    }

    #[test]
    fn emoji_count_twice() {
        let document = document(1_000);
        for budget in [0, 1, 39, 40, 1_000, 5_001, 65_000, 65_001] {
            let text = document.render(budget);
            assert!(text.encode_utf16().count() <= budget, "{budget}");
        }
        let text = document.render(65_000);
        assert!(text.contains("Left out to stay within 65000 characters: "));
        assert!(text.encode_utf16().count() > 63_000, "the room is used");
        assert!(text.chars().count() < 40_000);
    }
}
