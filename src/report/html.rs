//! The report as one HTML page, `index.html` of the artifacts directory.
//!
//! The page needs no script and loads nothing but the pictures beside it; its policy forbids the
//! rest. Everything foreign goes through [`view`], where it is made safe, and through the
//! template's escaping.

mod address;
mod view;

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value, context};
use sha2::{Digest as _, Sha256};

pub(crate) use self::view::started;
use super::model::CiReport;

const TEMPLATE: &str = include_str!("../../templates/report/index.html");
const STYLE: &str = concat!(
    include_str!("../../templates/tokens.css"),
    include_str!("../../templates/report/style.css"),
);

/// The page. Links and pictures are relative to the artifacts directory, where it belongs.
pub fn render(report: &CiReport) -> String {
    static ENVIRONMENT: OnceLock<Environment<'static>> = OnceLock::new();
    let environment = ENVIRONMENT.get_or_init(|| environment(&[("index.html", TEMPLATE)]));
    let page = view::Page::of(report);
    let context = context! {
        page => Serde(page),
        style => Value::from_safe_string(STYLE.to_owned()),
        // Pictures lie beside it.
        policy => policy(STYLE, "img-src 'self' data:; "),
    };
    environment
        .get_template("index.html")
        .and_then(|template| template.render(context))
        .expect("the template is part of the program and asks only for what the page has")
}

/// Templates of pages, by their names: strict, and escaped as HTML where the name ends so.
pub(crate) fn environment(templates: &[(&'static str, &'static str)]) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build();
    environment.set_syntax(syntax.expect("the usual delimiters are valid"));
    for (name, template) in templates {
        environment
            .add_template(name, template)
            .expect("the template is part of the program and parses");
    }
    environment
}

/// What a page of ours may do: use its own style sheet, known by its hash, and show what `shown` lets
/// it, as directives that end with `; `.
pub(crate) fn policy(style: &str, shown: &str) -> String {
    let hash = STANDARD.encode(Sha256::digest(style.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; {shown}base-uri 'none'; form-action 'none'"
    )
}
