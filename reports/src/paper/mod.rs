//! `report.pdf`: the run on paper, with the content of the page and its identity on every sheet. PDF/A-2b, for archives.
//!
//! typst sets it, here and without a network or a machine's fonts. Texts reach the template as data and are never read as
//! markup. The same record gives the same bytes.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Serialize;
use typst::diag::{FileError, FileResult, SourceDiagnostic};
use typst::foundations::{Bytes, Datetime, Duration, Smart};
use typst::syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot};
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;
use typst::{Library, LibraryExt, World};
use typst_kit::fonts::{FontStore, embedded};
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, PdfStandard, PdfStandards};

use crate::error::ReportError;
use crate::page::{Content, Drawing};

const FILE: &str = "report.pdf";
const TEMPLATE: &str = include_str!("report.typ");
const FIELDS: &str = include_str!("fields.typ");

/// What only paper needs.
#[derive(Debug, Serialize)]
pub(crate) struct Sheet<'a> {
    /// The run's id.
    pub(crate) run: &'a str,
    /// What the device is called.
    pub(crate) device: String,
    /// When the run began, `YYYY-MM-DDThh:mm:ssZ`.
    pub(crate) started: &'a str,
    /// SHA-256 of the stream.
    pub(crate) stream_sha256: &'a str,
    /// Each other file of the run with its SHA-256.
    pub(crate) manifest: Vec<(String, String)>,
}

#[derive(Serialize)]
struct Data<'a> {
    content: &'a Content<'a>,
    sheet: &'a Sheet<'a>,
}

/// The document's bytes.
///
/// # Errors
/// Only if it cannot be set, which would be a fault of this program.
pub(crate) fn report_pdf<'a>(
    content: &Content<'_>,
    drawings: impl Iterator<Item = &'a Drawing>,
    sheet: &Sheet<'_>,
) -> Result<Vec<u8>, ReportError> {
    let data = serde_json::to_vec(&Data { content, sheet }).map_err(|why| ReportError::made(FILE, &why))?;
    let mut files = BTreeMap::from([("data.json".to_owned(), Bytes::new(data))]);
    for drawing in drawings {
        files.insert(drawing.file.clone(), Bytes::new(with_our_fonts(&drawing.svg).into_bytes()));
    }
    let desk = Desk::new(files).map_err(|why| ReportError::made(FILE, &why))?;
    let wrong = |errors: &[SourceDiagnostic]| {
        let all: Vec<&str> = errors.iter().map(|error| error.message.as_str()).collect();
        ReportError::made(FILE, &all.join("; "))
    };
    let document = typst::compile::<PagedDocument>(&desk).output.map_err(|errors| wrong(&errors))?;
    let standards = PdfStandards::new(&[PdfStandard::A_2b]).map_err(|why| ReportError::made(FILE, &why.message()))?;
    let options = PdfOptions {
        ident: Smart::Custom(format!("{} {}", sheet.run, sheet.stream_sha256)),
        creator: Smart::Custom(Some(crate::files::TOOL.to_owned())),
        standards,
        ..PdfOptions::default()
    };
    typst_pdf::pdf(&document, &options).map_err(|errors| wrong(&errors))
}

/// Drawings name families of the screen; those of this document are known by name.
fn with_our_fonts(svg: &str) -> String {
    svg.replace("font-family=\"sans-serif\"", "font-family=\"Libertinus Serif\"")
}

static FONTS: LazyLock<FontStore> = LazyLock::new(|| {
    let mut fonts = FontStore::new();
    fonts.extend(embedded());
    fonts
});

/// What the template may reach: itself, and the files of one report.
struct Desk {
    library: LazyHash<Library>,
    main: Source,
    /// What the template imports: the fields of a verification report.
    fields: Source,
    files: BTreeMap<String, Bytes>,
}

impl Desk {
    fn new(files: BTreeMap<String, Bytes>) -> Result<Self, String> {
        let source = |name: &str, text: &str| -> Result<Source, String> {
            let path = VirtualPath::new(name).map_err(|why| format!("{why:?}"))?;
            Ok(Source::new(RootedPath::new(VirtualRoot::Project, path).intern(), text.to_owned()))
        };
        let (main, fields) = (source("report.typ", TEMPLATE)?, source("fields.typ", FIELDS)?);
        Ok(Self { library: LazyHash::new(Library::default()), main, fields, files })
    }
}

impl World for Desk {
    fn library(&self) -> &LazyHash<Library> {
        &self.library
    }

    fn book(&self) -> &LazyHash<FontBook> {
        FONTS.book()
    }

    fn main(&self) -> FileId {
        self.main.id()
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        [&self.main, &self.fields].into_iter().find(|s| s.id() == id).cloned().ok_or(FileError::AccessDenied)
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        let path = id.vpath().get_without_slash();
        self.files.get(path).cloned().ok_or(FileError::AccessDenied)
    }

    fn font(&self, index: usize) -> Option<Font> {
        FONTS.font(index)
    }

    fn today(&self, _: Option<Duration>) -> Option<Datetime> {
        // A report is as old as its run: its data say when that was.
        None
    }
}
