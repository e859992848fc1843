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
    /// [`LogError::Report`] if the system refuses.
    pub fn write(&self, folder: &Path) -> Result<(), LogError> {
        std::fs::create_dir_all(folder).map_err(|why| ReportError::file("make", folder, why))?;
        replace(&folder.join("analysis.json"), format!("{}\n", self.json()).as_bytes())?;
        thread::scope(|scope| {
            let sha256 = scope.spawn(|| self.sha256());
            let plots = self.plots();
            let drawings = self.drawings(&plots)?;
            for drawing in drawings.all() {
                replace(&folder.join(&drawing.file), drawing.svg.as_bytes())?;
            }
            let sha256 = sha256.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            replace(&folder.join("report.html"), self.page(&plots, &drawings, sha256)?.as_bytes())
        })?;
        Ok(())
    }

    /// The log's SHA-256. What is no plain file, such as a pipe, is not there any more.
    fn sha256(&self) -> Result<Option<String>, ReportError> {
        let is_file = std::fs::metadata(&self.path).is_ok_and(|metadata| metadata.is_file());
        if is_file { hash(&self.path).map(|(sha256, _)| Some(sha256)) } else { Ok(None) }
    }
}
