//! `summary.md`: a run in a screen of Markdown, for the page of a CI job; folded up below it, the fields of a verification
//! report.
//!
//! Texts of scenarios and instruments are untrusted: whatever could be markup is escaped.

use std::fmt::Write as _;

use domain::CheckVerdict;

use crate::page::{Section, Tone};
use crate::summary::Summary;

/// The text.
pub(crate) fn summary_md(summary: &Summary, simulated: Option<&str>, sections: &[Section]) -> String {
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
    fields(&mut text, sections);
    text
}

/// The fields of a verification report, folded up.
fn fields(text: &mut String, sections: &[Section]) {
    text.push_str("\n<details><summary>Verification report</summary>\n");
    for section in sections {
        let _ = writeln!(text, "\n### {}\n", escaped(section.title));
        for line in &section.lines {
            let _ = writeln!(text, "{}\n", escaped(line));
        }
        for table in &section.tables {
            if table.caption != section.title {
                let _ = writeln!(text, "{}\n", escaped(&table.caption));
            }
            let columns: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
            let columns = if columns.is_empty() { vec!["field", "value"] } else { columns };
            let _ = writeln!(text, "| {} |\n|{}", columns.join(" | "), "---|".repeat(columns.len()));
            for row in &table.rows {
                let cells: Vec<String> = row.iter().map(cell).collect();
                let _ = writeln!(text, "| {} |", cells.join(" | "));
            }
            text.push('\n');
        }
    }
    text.push_str("</details>\n");
}

fn cell(cell: &crate::page::Cell) -> String {
    let shown = escaped(&cell.text);
    let shown = match cell.tone {
        Tone::Missing => format!("*{shown}*"),
        Tone::Alert | Tone::Fail => format!("**{shown}**"),
        Tone::Plain | Tone::Pass | Tone::Inconclusive | Tone::NotRun => shown,
    };
    cell.small.iter().fold(shown, |shown, small| format!("{shown}<br>{}", escaped(small)))
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
