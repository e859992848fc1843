//! The folder of an analysis: figures as JSON, the page, and its plots as files.
//!
//! It hashes the log, beside the drawing; what the page says is the page's business.

use std::path::Path;
use std::thread;

use super::{Analysis, LogError};
use crate::error::ReportError;
use crate::files::{hash, replace};

impl Analysis {
    /// Writes `analysis.json`, `report.html` and the plots into a folder, which is made if it is not there; each file as a
    /// whole. The page names the log's SHA-256: the file is read once more for it.
    ///
    /// # Errors
    /// [`LogError::Input`] if the log is not the file any more that the figures are of (nothing was written then), and
    /// [`LogError::Report`] if the system refuses.
    pub fn write(&self, folder: &Path) -> Result<(), LogError> {
        thread::scope(|scope| {
            let sha256 = scope.spawn(|| self.sha256());
            let plots = self.plots();
            let drawings = self.drawings(&plots)?;
            let sha256 = sha256.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            let page = self.page(&plots, &drawings, sha256)?;
            std::fs::create_dir_all(folder).map_err(|why| ReportError::file("make", folder, why))?;
            replace(&folder.join("analysis.json"), format!("{}\n", self.json()).as_bytes())?;
            for drawing in drawings.all() {
                replace(&folder.join(&drawing.file), drawing.svg.as_bytes())?;
            }
            replace(&folder.join("report.html"), page.as_bytes())?;
            Ok(())
        })
    }

    /// The log's SHA-256, of the same bytes as the figures. What is no plain file, such as a pipe, is not there any more.
    fn sha256(&self) -> Result<Option<String>, LogError> {
        let Some(seen) = &self.seen else { return Ok(None) };
        let hashed = hash(&self.path);
        // A file that was taken away meanwhile cannot be read, for that reason.
        seen.still(&self.path)?;
        Ok(Some(hashed?.0))
    }
}
