//! `summary.md`: a run in a screen of Markdown, for the page of a CI job.
//!
//! Texts of scenarios and instruments are untrusted: whatever could be markup is escaped.

use std::fmt::Write as _;

use domain::CheckVerdict;

use crate::summary::Summary;

/// The text.
pub(crate) fn summary_md(summary: &Summary, simulated: Option<&str>) -> String {
    let mut text = String::new();
    let verdict = summary.verdict.name().replace('_', " ");
    // Writing into a text cannot fail.
    let _ = writeln!(text, "## {}: {}\n", escaped(&summary.scenario), verdict);
    if let Some(reason) = &summary.reason {
        let _ = writeln!(text, "**{}**\n", escaped(reason));
    }
    if let Some(simulated) = simulated {
        let _ = writeln!(text, "*{}*\n", escaped(simulated));
    }
    if !summary.checks.is_empty() {
        text.push_str("| check | value | limits | verdict |\n|---|---|---|---|\n");
    }
    for check in &summary.checks {
        let mark = match check.verdict {
            CheckVerdict::Pass => "\u{2714} pass",
            CheckVerdict::Fail => "\u{2716} **fail**",
            CheckVerdict::Inconclusive => "\u{25d0} inconclusive",
            CheckVerdict::NotRun => "\u{25cb} not run",
        };
        let _ =
            writeln!(text, "| {} | {} | {} | {mark} |", escaped(&check.name), check.value_text(), check.limits_text());
    }
    let device = &summary.device;
    let known = |text: &Option<String>| text.as_deref().map_or_else(|| "not given".to_owned(), escaped);
    let _ = writeln!(
        text,
        "\nDecided by {} · device {}, serial {}, firmware {} · rig {}, tier {} · seed {} · run `{}` · stream `{}`",
        escaped(&summary.decision_rule),
        known(&device.model),
        known(&device.serial),
        known(&device.firmware),
        escaped(&summary.rig),
        summary.tier.map_or("unknown", domain::Tier::name),
        summary.seed,
        summary.run.replace('`', ""),
        summary.stream_sha256.get(..16).unwrap_or_default(),
    );
    text
}

/// A text in which nothing is markup, on one line.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            c if c.is_control() => escaped.push(' '),
            c if c.is_ascii_punctuation() && !matches!(c, ',' | '.' | ':' | ';' | '/' | '-' | '%' | '\'' | '"') => {
                escaped.push('\\');
                escaped.push(c);
            }
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_text_is_markup() {
        assert_eq!(escaped("a|b *c* <d>\n[e](f) `g` _h_"), "a\\|b \\*c\\* &lt;d&gt; \\[e\\]\\(f\\) \\`g\\` \\_h\\_");
        assert_eq!(escaped("occlusion/complete-during-basal: 1.5 %"), "occlusion/complete-during-basal: 1.5 %");
    }
}
