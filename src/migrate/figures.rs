//! Figures, which Jupyter shows when a cell ends.

use std::collections::BTreeSet;

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Expr, Stmt};
use ruff_python_parser::parse_module;
use ruff_text_size::Ranged as _;

use super::cells::{Cell, Context};
use super::edits::{Edit, apply};
use super::{Issue, Severity};

/// Functions of pyplot that draw.
const DRAWS: &[&str] = &[
    "plot",
    "scatter",
    "bar",
    "barh",
    "hist",
    "hist2d",
    "imshow",
    "matshow",
    "boxplot",
    "violinplot",
    "pie",
    "fill_between",
    "contour",
    "contourf",
    "errorbar",
    "step",
    "stem",
    "subplots",
    "subplot",
    "figure",
    "title",
    "suptitle",
    "xlabel",
    "ylabel",
    "legend",
    "axhline",
    "axvline",
    "axis",
    "grid",
    "xlim",
    "ylim",
    "xticks",
    "yticks",
    "tight_layout",
    "text",
    "annotate",
    "loglog",
    "semilogx",
    "semilogy",
    "pcolormesh",
    "hexbin",
    "quiver",
    "streamplot",
    "stackplot",
    "specgram",
    "colorbar",
    "axes",
    "gca",
];

/// Jupyter showed every open figure when a cell ended, beside the value of the last line; marimo
/// shows that value.
pub fn shown(cell: &mut Cell<'_>, code: String, context: &Context) -> String {
    let Ok(module) = parse_module(&code) else {
        return code;
    };
    let body = &module.syntax().body;
    let mut drawing = Drawing::of(&context.pyplot);
    drawing.visit_body(body);
    let Some(pyplot) = drawing.drawn.filter(|_| !drawing.shown) else {
        return code;
    };
    let last = body.last();
    let value = last.and_then(|last| Some((last, last.as_expr_stmt()?)));
    let figures = figures(body, &context.pyplot);
    let show = format!("{pyplot}.show()");
    let text = match value {
        Some((_, value)) if is_figure(&value.value, &figures) => return code,
        Some((last, value)) if !may_draw(&value.value, &figures, &context.pyplot) => {
            apply(&code, vec![Edit::insert(last.start(), format!("{show}\n"))])
        }
        _ => format!("{}\n{show}", code.trim_end()),
    };
    cell.issue(
        Issue::new(
            Severity::Info,
            "figure",
            "Jupyter shows figures at a cell's end",
        )
        .done(format!("`{show}` was added")),
    );
    text
}

/// Names that a cell gives to what pyplot makes: `fig, ax = plt.subplots()`.
fn figures(body: &[Stmt], pyplot: &BTreeSet<String>) -> BTreeSet<String> {
    let is_of_pyplot = |statement: &&Stmt| {
        statement.as_assign_stmt().is_some_and(|node| {
            let mut drawing = Drawing::of(pyplot);
            drawing.visit_expr(&node.value);
            drawing.drawn.is_some()
        })
    };
    let made = body.iter().filter(is_of_pyplot);
    made.flat_map(|statement| {
        let names = super::scope::names(std::slice::from_ref(statement));
        let names = names.written().into_iter().map(str::to_owned);
        names.collect::<Vec<_>>()
    })
    .collect()
}

/// A name of a figure, which marimo shows as such.
fn is_figure(value: &Expr, figures: &BTreeSet<String>) -> bool {
    value.as_name_expr().is_some_and(|name| {
        let name = name.id.as_str();
        figures.contains(name) || name.starts_with("fig") || name.starts_with("ax")
    })
}

/// Whether an expression may draw on a figure, which must be shown after it then.
fn may_draw(value: &Expr, figures: &BTreeSet<String>, pyplot: &BTreeSet<String>) -> bool {
    struct Draws<'a> {
        figures: &'a BTreeSet<String>,
        pyplot: &'a BTreeSet<String>,
        found: bool,
    }
    impl<'a> Visitor<'a> for Draws<'_> {
        fn visit_expr(&mut self, expression: &'a Expr) {
            match expression {
                Expr::Name(name) => {
                    let name = name.id.as_str();
                    self.found |= is_figure(expression, self.figures)
                        || self.pyplot.contains(name)
                        || name == "sns";
                }
                Expr::Attribute(node) => {
                    let method = node.attr.as_str();
                    self.found |= DRAWS.contains(&method)
                        || method.contains("plot")
                        || method.starts_with("set_");
                }
                _ => {}
            }
            visitor::walk_expr(self, expression);
        }
    }
    let mut draws = Draws {
        figures,
        pyplot,
        found: false,
    };
    draws.visit_expr(value);
    draws.found
}

struct Drawing<'a> {
    pyplot: &'a BTreeSet<String>,
    drawn: Option<String>,
    shown: bool,
}

impl<'a> Drawing<'a> {
    fn of(pyplot: &'a BTreeSet<String>) -> Self {
        Self {
            pyplot,
            drawn: None,
            shown: false,
        }
    }
}

impl<'a> Visitor<'a> for Drawing<'_> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        if !matches!(statement, Stmt::FunctionDef(_) | Stmt::ClassDef(_)) {
            visitor::walk_stmt(self, statement);
        }
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        if let Expr::Call(call) = expression
            && let Expr::Attribute(attribute) = &*call.func
        {
            let function = attribute.attr.as_str();
            if let Expr::Name(name) = &*attribute.value
                && self.pyplot.contains(name.id.as_str())
                && DRAWS.contains(&function)
            {
                self.drawn.get_or_insert_with(|| name.id.to_string());
            }
            self.shown |= matches!(function, "show" | "close");
        }
        visitor::walk_expr(self, expression);
    }
}
