//! `{name=}` of an f-string, which shows the name itself.

use ruff_python_ast::Stmt;
use ruff_python_ast::visitor::{self, Visitor};
use ruff_text_size::{Ranged as _, TextRange, TextSize};

use crate::migrate::edits::Edit;
use crate::migrate::scope::Use;

/// One such place.
pub(super) struct Label {
    /// Where it stands, braces and all.
    range: TextRange,
    /// What it shows.
    text: String,
    /// What follows the expression up to a conversion, a format or the end.
    equals: TextRange,
    /// It is neither converted nor formatted.
    plain: bool,
}

impl Label {
    pub(super) fn all(code: &str, body: &[Stmt]) -> Vec<Self> {
        struct Labels<'a>(&'a str, Vec<Label>);
        impl<'a> Visitor<'a> for Labels<'_> {
            fn visit_interpolated_string_element(
                &mut self,
                element: &'a ruff_python_ast::InterpolatedStringElement,
            ) {
                if let Some(one) = element.as_interpolation()
                    && one.debug_text.is_some()
                {
                    let start = one.range.start() + TextSize::new(1);
                    let rest = &self.0[one.expression.end().to_usize()..one.range.end().to_usize()];
                    // Closing parentheses belong to the expression, and white space to the sign.
                    let sign = rest.find('=').unwrap_or(0);
                    let after = &rest[sign + 1..];
                    let spaces = after.len() - after.trim_start().len();
                    let begin = rest[..sign].trim_end().len();
                    let at = |offset: usize| {
                        one.expression.end() + TextSize::new(u32::try_from(offset).unwrap_or(0))
                    };
                    let equals = TextRange::new(at(begin), at(sign + 1 + spaces));
                    let shown = &self.0[TextRange::new(start, equals.end())];
                    self.1.push(Label {
                        range: one.range,
                        text: shown.replace('{', "{{").replace('}', "}}"),
                        equals,
                        plain: one.conversion == ruff_python_ast::ConversionFlag::None
                            && one.format_spec.is_none(),
                    });
                }
                visitor::walk_interpolated_string_element(self, element);
            }
        }
        let mut labels = Labels(code, Vec::new());
        labels.visit_body(body);
        labels.1
    }
}

/// What keeps a label as it was where a name in it becomes another.
pub(super) fn labelled(labels: &[Label], used: &Use) -> Vec<Edit> {
    let around = labels
        .iter()
        .filter(|label| label.range.contains_range(used.range));
    let Some(label) = around.max_by_key(|label| label.range.start()) else {
        return Vec::new();
    };
    if used.range.end() > label.equals.start() {
        return Vec::new();
    }
    let value = if label.plain { "!r" } else { "" };
    vec![
        Edit {
            range: TextRange::empty(label.range.start()),
            text: label.text.clone(),
        },
        Edit {
            range: label.equals,
            text: value.to_owned(),
        },
    ]
}
