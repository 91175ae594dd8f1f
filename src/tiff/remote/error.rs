//! Why what lies at an address is not read.

/// Why what lies at an address is not read, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteError {
    /// The program was built without it.
    #[error("this build reads no addresses: download the file, or build the program with the feature `cloud`")]
    NoFeature,
    /// Not an image, but another file.
    #[error("only images and STAC items are read from addresses: download it and give the file")]
    NoImage,
    /// A folder, or what stands for one.
    #[error("products are not looked for at addresses: name the files of PAN and of MS, or a STAC item")]
    Folder,
    /// It is not a complete address.
    #[error("not a complete address: {what}")]
    Address {
        /// What is missing.
        what: String,
    },
    /// Without the right to.
    #[error("access is denied ({status}): {fix}")]
    Denied {
        /// What was answered.
        status: String,
        /// What to do, at such an address.
        fix: &'static str,
    },
    /// A server that knows no ranges.
    #[error(
        "the server gives whole files only, and an image is read in parts: download it (curl -O) and give the file"
    )]
    NoRanges,
    /// It is another one than before.
    #[error("it has been changed while it was read: run the command again")]
    Changed,
    /// Anything else that went wrong on the way.
    #[error(
        "cannot be fetched: {what}; tried up to {tries} times, waiting up to {timeout} s for an answer \
             (TRAPAN_HTTP_RETRIES, TRAPAN_HTTP_TIMEOUT); try again, or download it and give the file"
    )]
    Failed {
        /// What happened last.
        what: String,
        /// How often it was tried.
        tries: usize,
        /// Seconds that an answer may take.
        timeout: String,
    },
}
