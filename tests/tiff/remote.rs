//! Images at addresses: the values of a file, few questions, and what is said of faults.

use std::path::{Path, PathBuf};

use trapan::tiff::{Creation, Layout, RemoteError, Sample, Source, TiffError, Version, Window, is_address, write};

use crate::fixture::{Fixture, scene};
use crate::support::server::{Manner, Server};

const SIZE: [usize; 3] = [512, 512, 2];
const WHOLE: Window = Window { x: 0, y: 0, width: 512, height: 512 };

/// A megabyte in 64 tiles behind their directory, and its values.
fn tiled() -> (Vec<u8>, Vec<f32>) {
    let (folder, values) = (tempfile::tempdir().unwrap(), scene(Sample::U16, SIZE));
    let path = folder.path().join("scene.tif");
    let creation = Creation::parse(&["COMPRESS=NONE", "BLOCKSIZE=64"]).unwrap();
    write(&path, &Layout::new([512, 512], 2, Sample::U16), &values, None, &creation, false).unwrap();
    (std::fs::read(path).unwrap(), values)
}

fn open(address: &str) -> Result<Source, TiffError> {
    Source::open(&[Path::new(address)])
}

#[track_caller]
fn why(result: Result<Source, TiffError>) -> (PathBuf, RemoteError) {
    match result.err().expect("it cannot be read") {
        TiffError::Remote { path, source } => (path, source),
        other => panic!("{other}"),
    }
}

#[test]
fn values_are_those_of_the_file_by_few_questions() {
    let (server, (bytes, values)) = (Server::start(), tiled());
    let address = server.put("scene.tif", bytes, Manner::Well);
    let source = open(&address).unwrap();
    assert_eq!(server.gets("scene.tif"), 1, "the head comes at once");
    assert!(source.read(WHOLE).unwrap().data == values);
    assert_eq!(server.gets("scene.tif"), 1, "chunks that follow each other come by one request");
    // Eight tiles, each far from the next.
    let column = Window { x: 448, y: 0, width: 64, height: 512 };
    let source = open(&format!("/vsicurl/{address}")).unwrap();
    server.asked();
    let read = source.read(column).unwrap().data;
    let wanted = values.chunks(512 * 2).flat_map(|row| row[448 * 2..].to_vec());
    assert!(read.into_iter().eq(wanted));
    assert_eq!(server.gets("scene.tif"), 8);
    source.read(column).unwrap();
    assert_eq!(server.gets("scene.tif"), 0, "what was decoded is remembered");
}

#[test]
fn a_directory_at_the_end_takes_one_more_question() {
    let (server, values) = (Server::start(), scene(Sample::U16, SIZE));
    let bytes = Fixture { tile: Some([64, 64]), ..Fixture::new(Sample::U16, SIZE) }.bytes(&values);
    let source = open(&server.put("late.tif", bytes, Manner::Well)).unwrap();
    assert_eq!(server.gets("late.tif"), 2);
    assert!(source.read(WHOLE).unwrap().data == values);
}

#[test]
fn what_fails_for_a_while_is_tried_again() {
    let (server, (bytes, values)) = (Server::start(), tiled());
    for (name, manner, tag) in [
        ("busy.tif", Manner::Busy(2), Some("\"one\"")),
        ("broken.tif", Manner::Broken(2), Some("\"one\"")),
        ("untagged.tif", Manner::Broken(2), None),
    ] {
        let source = open(&server.tagged(name, bytes.clone(), manner, tag)).unwrap();
        assert!(source.read(WHOLE).unwrap().data == values, "{name}");
        assert!(server.gets(name) >= 4, "{name}");
    }
}

#[test]
fn what_cannot_be_read_says_what_to_do() {
    let (server, (bytes, _)) = (Server::start(), tiled());
    let put = |name: &str, manner| server.put(name, bytes.clone(), manner);
    let (path, error) = why(open(&(put("whole.tif", Manner::Whole) + "?key=secret")));
    assert_eq!((path, error.clone()), (format!("{}/whole.tif", server.address()).into(), RemoteError::NoRanges));
    assert!(error.to_string().contains("curl -O"));
    for code in [401, 403] {
        let (path, error) = why(open(&(put("mine.tif", Manner::Refused(code)) + "?key=secret")));
        assert!(matches!(&error, RemoteError::Denied { status, .. } if *status == code.to_string()), "{error}");
        assert!(!format!("{path:?}{error}").contains("secret"));
    }
    let (_, error) = why(open(&(put("broken.tif", Manner::Refused(418)) + "?key=secret")));
    let said = error.to_string();
    assert!(said.contains("418") && !said.contains("secret") && !said.contains("://"), "{said}");
    let missing = open(&format!("{}/none.tif?key=secret", server.address())).err().unwrap();
    assert!(matches!(&missing, TiffError::Missing { path } if path.ends_with("none.tif")), "{missing}");
    assert!(matches!(why(open("https://")).1, RemoteError::Address { .. }));
    assert!(matches!(why(open("s3://bucket/folder/")).1, RemoteError::Folder));
}

#[test]
fn an_image_that_changes_while_it_is_read_is_refused() {
    let (server, (bytes, _)) = (Server::start(), tiled());
    let source = open(&server.put("scene.tif", bytes, Manner::Changing(1))).unwrap();
    let error = source.read(WHOLE).err().unwrap();
    assert!(matches!(error, TiffError::Remote { source: RemoteError::Changed, .. }), "{error}");
}

#[test]
fn what_lies_beside_counts_and_a_signature_is_for_one_file() {
    let (server, (bytes, _)) = (Server::start(), tiled());
    let address = server.put("scene.tif", bytes, Manner::Well);
    let pam = "<PAMDataset><PAMRasterBand band=\"1\"><NoDataValue>7</NoDataValue></PAMRasterBand></PAMDataset>";
    server.put("scene.tif.aux.xml", pam.into(), Manner::Well);
    server.put("scene.RPB", Vec::new(), Manner::Refused(403));
    let header = open(&address).unwrap().header().clone();
    assert_eq!((header.nodata, &header.path), (Some(7.0), &PathBuf::from(&address)));
    assert_eq!(header.beside, [PathBuf::from(format!("{address}.aux.xml"))]);
    server.asked();
    let signed = open(&format!("{address}?sig=a%2Fb")).unwrap();
    assert_eq!((signed.header().nodata, &signed.header().path), (None, &PathBuf::from(&address)));
    let asked = server.asked();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert_eq!(asked[0].path, "/scene.tif?sig=a%2Fb", "a query goes as it is");
}

#[test]
fn a_version_tells_contents_apart() {
    let server = Server::start();
    let one = Version::of(server.put("a", vec![1; 10], Manner::Well).as_ref()).unwrap();
    assert_eq!((one.bytes, one.modified, one.tag.as_deref()), (10, 1_714_558_830_000_000_000, Some("\"one\"")));
    let two = Version::of(server.put("a", vec![1; 10], Manner::Changing(0)).as_ref()).unwrap();
    assert!(one.is_same(&one) && !one.is_same(&two));
}

#[test]
fn lists_name_parts_at_addresses() {
    let (server, (bytes, values)) = (Server::start(), tiled());
    let address = server.put("scene.tif", bytes, Manner::Well);
    let list = |name: &str, relative: u8| {
        let band = |band: usize| {
            format!(
                "<VRTRasterBand dataType=\"UInt16\" band=\"{band}\"><SimpleSource><SourceFilename relativeToVRT=\"{relative}\">{name}\
                 </SourceFilename><SourceBand>{band}</SourceBand></SimpleSource></VRTRasterBand>"
            )
        };
        let bands: String = [1, 2].map(band).concat();
        format!("<VRTDataset rasterXSize=\"512\" rasterYSize=\"512\">{bands}</VRTDataset>").into_bytes()
    };
    let far = server.put("far.vrt", list("scene.tif", 1), Manner::Well);
    assert!(open(&far).unwrap().read(WHOLE).unwrap().data == values);
    let folder = tempfile::tempdir().unwrap();
    let near = folder.path().join("near.vrt");
    std::fs::write(&near, list(&format!("/vsicurl/{address}"), 0)).unwrap();
    assert!(is_address(address.as_ref()) && !is_address(&near));
    assert!(Source::open(&[near]).unwrap().read(WHOLE).unwrap().data == values);
}

#[test]
fn a_program_with_a_runtime_of_its_own_may_read() {
    let (server, (bytes, values)) = (Server::start(), tiled());
    let address = server.put("scene.tif", bytes, Manner::Well);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let read = runtime.block_on(async { open(&address)?.read(WHOLE) }).unwrap();
    assert!(read.data == values);
}
