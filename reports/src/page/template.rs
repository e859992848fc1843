//! Pages out of their templates: the parts that pages share, and the one way in which texts of others are escaped.
//!
//! It must not know what a page says.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, context};
use serde::Serialize;

use super::Live;
use crate::error::ReportError;

/// What templates include or import, by the names under which they do.
const PARTS: [(&str, &str); 5] = [
    ("head.html", include_str!("head.html.j2")),
    ("style.css", include_str!("style.css")),
    ("parts.html", include_str!("parts.html.j2")),
    ("fields.html", include_str!("fields.html.j2")),
    ("scripts.html", include_str!("scripts.html.j2")),
];

/// The text of a page that is called `file`.
///
/// # Errors
/// Only if the template does not render, which would be a fault of this program.
pub(crate) fn page(
    file: &'static str,
    template: &'static str,
    content: &impl Serialize,
    live: &Live,
) -> Result<String, ReportError> {
    render(file, template, content, live).map_err(|why| ReportError::made(file, &why))
}

fn render(
    file: &'static str,
    template: &'static str,
    content: &impl Serialize,
    live: &Live,
) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    for (name, part) in PARTS {
        environment.add_template(name, part)?;
    }
    environment.add_template(file, template)?;
    let content = Value::from(Serde(content));
    environment.get_template(file)?.render(context! { live => Value::from(Serde(live)), ..content })
}
