//! The file that says who is told of what happens at a rig: recipients with their webhooks and addresses, and a mail server.
//!
//! Passwords stand in files of their own.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use domain::Dimension;
use server::{Channel, Encryption, Recipient, Smtp};
use text::{Diagnostics, Field, Kind, Node, View, parse, validate};

use crate::{Failure, load};

const ENCRYPTIONS: [(&str, Encryption, u16); 3] =
    [("none", Encryption::None, 25), ("starttls", Encryption::StartTls, 587), ("tls", Encryption::Tls, 465)];

const RECIPIENT: &[Field] = &[
    Field::required("name", Kind::Text, "how the audit log calls him"),
    Field::optional("webhook", Kind::Text, "a URL to which JSON is posted: rig, subject, text, since, open, page"),
    Field::optional("email", Kind::Text, "an address; it needs 'smtp'"),
    Field::optional(
        "after",
        Kind::Quantity(Dimension::Time),
        "he is told after so long only, and only of what still waits for somebody then",
    ),
];

const SMTP: &[Field] = &[
    Field::required("server", Kind::Text, "the mail server's name"),
    Field::required("from", Kind::Text, "the address from which letters come"),
    Field::optional("encryption", Kind::Word(&["none", "starttls", "tls"]), "tls unless given"),
    Field::optional("port", Kind::Count(1, 65_535), "25, 587 or 465 by the encryption unless given"),
    Field::optional("user", Kind::Text, "the user, if the server wants one; it needs 'password file'"),
    Field::optional("password file", Kind::Text, "the file that holds nothing but the password"),
];

const NOTIFY: Kind = Kind::Map(&[
    Field::required("notify", Kind::List(&Kind::Map(RECIPIENT), 1), "who is told"),
    Field::optional("smtp", Kind::Map(SMTP), "the server that takes letters"),
]);

/// Who is told, as a file says.
pub(crate) fn recipients(path: &Path) -> Result<Vec<Recipient>, Failure> {
    let source = load::file(&path.display().to_string())?;
    let mut problems = Diagnostics::new();
    let tree = parse(&source, &mut problems);
    let fits = tree.as_ref().is_some_and(|tree| validate(tree, &NOTIFY, "notify file", &mut problems));
    let recipients = tree.filter(|_| fits).map(|tree| lower(&tree, path, &mut problems));
    match recipients {
        Some(recipients) if problems.is_empty() => Ok(recipients),
        _ => Err(load::rendered(&problems, &source)),
    }
}

fn lower(tree: &Node, path: &Path, problems: &mut Diagnostics) -> Vec<Recipient> {
    let view = View::new(tree);
    let by = view.view("smtp").and_then(|view| smtp(view, path, problems)).map(Arc::new);
    let has_server = view.view("smtp").is_some();
    let all = view.node("notify").and_then(Node::list).unwrap_or(&[]);
    all.iter().filter_map(|node| recipient(View::new(node), by.as_ref(), has_server, problems)).collect()
}

fn recipient(
    view: View<'_>,
    by: Option<&Arc<Smtp>>,
    has_server: bool,
    problems: &mut Diagnostics,
) -> Option<Recipient> {
    let name = view.text("name")?.to_owned();
    let mut wrong = |key: &str, what: String| {
        problems.push(view.pos_of(key), format!("{name}: {what}"));
        None
    };
    let channel = match (view.text("webhook"), view.text("email")) {
        (Some(url), None) if url.starts_with("https://") || url.starts_with("http://") => {
            Channel::Webhook(url.to_owned())
        }
        (Some(url), None) => {
            return wrong("webhook", format!("expected a URL that begins with https://, but found '{url}'"));
        }
        (None, Some(address)) => match (address.parse(), by) {
            (Ok(to), Some(by)) => Channel::Email { to, by: Arc::clone(by) },
            (Err(why), _) => return wrong("email", format!("expected an address, but found '{address}': {why}")),
            // What is wrong with the server is told there.
            (Ok(_), None) if has_server => return None,
            (Ok(_), None) => return wrong("email", "expected 'smtp' with a mail server, but found none".to_owned()),
        },
        (None, None) | (Some(_), Some(_)) => {
            return wrong("name", "expected either 'webhook' or 'email', and not both".to_owned());
        }
    };
    Some(Recipient { name, by: channel, after: view.duration("after").unwrap_or(Duration::ZERO) })
}

fn smtp(view: View<'_>, path: &Path, problems: &mut Diagnostics) -> Option<Smtp> {
    let from = view.text("from")?;
    let word = view.text("encryption").unwrap_or("tls");
    let (_, encryption, usual) = ENCRYPTIONS.into_iter().find(|(name, ..)| *name == word)?;
    let port = view.count("port").and_then(|port| u16::try_from(port).ok()).unwrap_or(usual);
    let mut wrong = |key: &str, what: String| {
        problems.push(view.pos_of(key), format!("smtp: {what}"));
        None
    };
    let from = match from.parse() {
        Ok(from) => from,
        Err(why) => return wrong("from", format!("expected an address, but found '{from}': {why}")),
    };
    let credentials = match (view.text("user"), view.text("password file")) {
        (None, None) => None,
        (Some(_), Some(_)) if encryption == Encryption::None => {
            return wrong("encryption", "expected no password to go out openly, but found 'none'".to_owned());
        }
        (Some(user), Some(file)) => {
            let file = path.parent().unwrap_or_else(|| Path::new("")).join(file);
            match std::fs::read_to_string(&file) {
                Ok(password) => Some((user.to_owned(), password.trim_end_matches(['\r', '\n']).to_owned())),
                Err(why) => return wrong("password file", format!("expected to read {}, but {why}", file.display())),
            }
        }
        _ => return wrong("user", "expected 'user' and 'password file' together, but found one of them".to_owned()),
    };
    Some(Smtp { server: view.text("server")?.to_owned(), port, from, encryption, credentials })
}
