//! Addresses: what can stand where a path stands, and how it is written and shown.

use std::path::{Path, PathBuf};

/// How an address begins, as we write it and as GDAL does.
const SCHEMES: [(Scheme, &str, &str); 5] = [
    (Scheme::Http, "http://", "/vsicurl/http://"),
    (Scheme::Https, "https://", "/vsicurl/https://"),
    (Scheme::S3, "s3://", "/vsis3/"),
    (Scheme::Google, "gs://", "/vsigs/"),
    (Scheme::Azure, "az://", "/vsiaz/"),
];

/// Of what kind a store is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Scheme {
    Http,
    Https,
    S3,
    Google,
    Azure,
}

#[cfg(feature = "cloud")]
impl Scheme {
    /// What to do where access is denied.
    pub(super) fn credentials(self) -> &'static str {
        match self {
            Self::Http | Self::Https => "check the address, give a signed one, or download the file and give that",
            Self::S3 => {
                "set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION, and AWS_SESSION_TOKEN with keys for a time; \
                 AWS_SKIP_SIGNATURE=true for a public bucket, AWS_REQUEST_PAYER=true for one whose readers pay"
            }
            Self::Google => {
                "set GOOGLE_APPLICATION_CREDENTIALS to the file of a service account; GOOGLE_SKIP_SIGNATURE=true for a \
                 public bucket"
            }
            Self::Azure => {
                "set AZURE_STORAGE_ACCOUNT_NAME, and AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_KEY; \
                 AZURE_SKIP_SIGNATURE=true for a public container"
            }
        }
    }
}

/// The address of a file on a server or in a store.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::tiff) struct Address {
    pub(super) scheme: Scheme,
    /// Behind the scheme: host or bucket, then the path, then perhaps a query.
    rest: String,
}

impl Address {
    /// The address that a path is, by its own name or by GDAL's.
    pub(in crate::tiff) fn of(path: &Path) -> Option<Self> {
        // Where folders are parted by `\`, a name that was put beside an address is, too.
        let text = path.to_str()?.replace(std::path::MAIN_SEPARATOR, "/");
        SCHEMES.iter().find_map(|(scheme, own, gdal)| {
            let has = |start: &str| text.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start));
            let start = [own, gdal].into_iter().find(|start| has(start))?;
            Some(Self { scheme: *scheme, rest: text[start.len()..].to_owned() })
        })
    }

    fn begins(&self) -> (&'static str, &'static str) {
        let (_, own, gdal) = SCHEMES[self.scheme as usize];
        (own, gdal)
    }

    /// The whole of it, with what may be secret.
    #[cfg(feature = "cloud")]
    pub(super) fn url(&self) -> String {
        format!("{}{}", self.begins().0, self.rest)
    }

    /// Host or bucket, and what lies in it, without a query.
    pub(super) fn parts(&self) -> (&str, &str) {
        let (plain, _) = self.split();
        plain.split_once('/').unwrap_or((plain, ""))
    }

    /// What may be shown, and the query behind it, of servers alone: a key in a store may have any letters.
    fn split(&self) -> (&str, Option<&str>) {
        match (self.scheme, self.rest.split_once('?')) {
            (Scheme::Http | Scheme::Https, Some((plain, query))) => (plain, Some(query)),
            _ => (&self.rest, None),
        }
    }

    /// The query, which may be a signature.
    pub(in crate::tiff) fn query(&self) -> Option<&str> {
        self.split().1
    }

    /// As it is shown and noted down: without a query, a name and a password.
    pub(in crate::tiff) fn shown(&self) -> PathBuf {
        format!("{}{}", self.begins().0, self.without_secrets()).into()
    }

    /// As GDAL's programs take it.
    pub(in crate::tiff) fn for_gdal(&self) -> PathBuf {
        format!("{}{}", self.begins().1, self.without_secrets()).into()
    }

    fn without_secrets(&self) -> String {
        let (host, path) = self.parts();
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        if path.is_empty() { host.to_owned() } else { format!("{host}/{path}") }
    }
}

/// Whether a path is an address: `http://`, `https://`, `s3://`, `gs://` or `az://`, or GDAL's `/vsicurl/`, `/vsis3/`,
/// `/vsigs/` and `/vsiaz/`.
pub fn is_address(path: &Path) -> bool {
    Address::of(path).is_some()
}

/// A path as it may be shown: an address without its query, which may be a signature.
pub fn shown(path: &Path) -> PathBuf {
    Address::of(path).map_or(path.to_owned(), |address| address.shown())
}

/// What a file in `folder` means by `name`: each may be an address, and an address stays one.
pub fn placed(folder: &Path, name: &Path) -> PathBuf {
    if is_address(name) {
        return name.to_owned();
    }
    let (Some(folder), Some(name)) = (Address::of(folder), name.to_str()) else { return folder.join(name) };
    let (host, path) = folder.parts();
    let mut steps: Vec<&str> = if name.starts_with('/') { vec![] } else { path.split('/').collect() };
    for step in name.split('/') {
        match step {
            "." => {}
            ".." => drop(steps.pop()),
            step => steps.push(step),
        }
    }
    let path: Vec<&str> = steps.into_iter().filter(|step| !step.is_empty()).collect();
    format!("{}{host}/{}", folder.begins().0, path.join("/")).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_known_by_our_names_and_by_gdals() {
        for (given, own, gdal) in [
            ("https://h/a.tif", "https://h/a.tif", "/vsicurl/https://h/a.tif"),
            ("/vsicurl/http://h:80/a.tif", "http://h:80/a.tif", "/vsicurl/http://h:80/a.tif"),
            ("S3://bucket/a/b.tif", "s3://bucket/a/b.tif", "/vsis3/bucket/a/b.tif"),
            ("/vsis3/bucket/a?.tif", "s3://bucket/a?.tif", "/vsis3/bucket/a?.tif"),
            ("/vsigs/bucket/a.tif", "gs://bucket/a.tif", "/vsigs/bucket/a.tif"),
            ("az://box/a.tif", "az://box/a.tif", "/vsiaz/box/a.tif"),
        ] {
            let address = Address::of(given.as_ref()).expect(given);
            assert_eq!([address.shown(), address.for_gdal()], [PathBuf::from(own), gdal.into()]);
        }
        for path in ["a.tif", "/vsimem/a.tif", "ftp://h/a.tif", "http:/h/a.tif", "folder/https://h/a.tif"] {
            assert!(!is_address(path.as_ref()), "{path}");
        }
    }

    #[test]
    fn what_may_be_secret_is_not_shown() {
        let path = Path::new("https://me:word@h/a.tif?sig=b/c&d");
        assert_eq!(shown(path), Path::new("https://h/a.tif"));
        let address = Address::of(path).expect("an address");
        assert_eq!((address.query(), address.parts()), (Some("sig=b/c&d"), ("me:word@h", "a.tif")));
        assert_eq!(shown("a?b.tif".as_ref()), Path::new("a?b.tif"));
    }

    #[test]
    fn names_are_placed_where_they_belong() {
        for (folder, name, place) in [
            ("data", "a.tif", "data/a.tif"),
            ("data", "s3://b/a.tif", "s3://b/a.tif"),
            ("", "/vsicurl/https://h/a.tif", "/vsicurl/https://h/a.tif"),
            ("https://h/x/y", "./a.tif", "https://h/x/y/a.tif"),
            ("https://h/x/y", "../../../z/a.tif", "https://h/z/a.tif"),
            ("https://h/x/y", "/a.tif", "https://h/a.tif"),
            ("s3://b", "x/a.tif", "s3://b/x/a.tif"),
        ] {
            assert_eq!(placed(folder.as_ref(), name.as_ref()), Path::new(place));
        }
    }
}
