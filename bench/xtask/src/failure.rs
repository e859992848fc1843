//! Why a command stopped: one lowercase sentence for people and an exit code for scripts.
//! Nothing here prints; main does, once.

/// What main prints and exits with.
#[derive(Debug)]
pub(crate) struct Failure {
    /// One sentence: the object, what was expected, what was found.
    pub(crate) message: String,
    /// The exit code of the whole program; never zero.
    pub(crate) code: u8,
}

impl Failure {
    /// A broken rule or a missing tool.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self::with_code(message, 1)
    }

    /// A command line that means nothing.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::with_code(message, 2)
    }

    /// A failure that hands on the code of the program that failed.
    pub(crate) fn with_code(message: impl Into<String>, code: u8) -> Self {
        assert_ne!(code, 0, "a failure has a code other than zero");
        Self { message: message.into(), code }
    }
}
