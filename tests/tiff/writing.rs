//! Values as they are stored, and files that appear whole or not at all.

use std::{
    env, fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::Command,
};

use trapan::tiff::{
    CogWriter, Creation, ErrorClass, Layout, Raster, Sample, TiffError, check_output, read, remove_temporary_files,
    write, write_atomically,
};

use crate::fixture::{SAMPLES, listing, scene, utm};
use crate::support::skipped;

/// What comes back of an image: written to a file and read from it.
pub fn round_trip(layout: &Layout, data: &[f32], valid: Option<&[bool]>, options: &[&str]) -> Raster {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some.tif");
    write(&path, layout, data, valid, &Creation::parse(options).unwrap(), false).unwrap();
    read(&path).unwrap()
}

#[test]
fn every_type_survives_a_round_trip() {
    for sample in SAMPLES {
        for size in [[1, 1, 1], [70, 83, 3], [600, 513, 8], [256, 512, 1]] {
            for big in ["YES", "NO"] {
                let data = scene(sample, size);
                let names: Vec<_> = (0..size[2]).map(|b| (b != 1).then(|| format!("bänd {b} <&\">"))).collect();
                let layout = Layout {
                    geo: utm(),
                    descriptions: names.clone(),
                    nodata: Some(7.0),
                    ..Layout::new([size[0], size[1]], size[2], sample)
                };
                let back = round_trip(&layout, &data, None, &[&format!("BIGTIFF={big}")]);
                assert_eq!([back.width, back.height, back.bands], size);
                assert_eq!((back.sample, back.nodata, &back.geo), (sample, Some(7.0), &layout.geo));
                assert_eq!((&back.descriptions, back.alpha, &back.valid), (&names, None, &None));
                let kept: Vec<f32> = data.iter().map(|v| if *v == 7.0 { 8.0 } else { *v }).collect();
                assert_eq!(back.data, kept, "{sample} {size:?}");
            }
        }
    }
}

#[test]
fn nodata_values_survive_a_round_trip() {
    for nodata in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f32::MIN.into(), -9999.0, 0.0, 1e-30, 0.1, 65535.0] {
        let layout = Layout { nodata: Some(nodata), ..Layout::new([2, 1], 1, Sample::F32) };
        let back = round_trip(&layout, &[5.0, 6.0], Some(&[true, false]), &[]);
        match Sample::F32.holds(nodata) {
            true => assert!(back.nodata.is_some_and(|n| n == nodata || n.is_nan() && nodata.is_nan()), "{nodata}"),
            // Infinity is no value we write: a mask takes its place.
            false => assert_eq!(back.nodata, None, "{nodata}"),
        }
        assert_eq!((back.data[0], back.valid), (5.0, Some(vec![true, false])), "{nodata}");
    }
}

#[test]
fn values_are_rounded_clamped_and_kept_off_nodata() {
    let stored = |sample, range, nodata, data: &[f32]| {
        let layout = Layout { range, nodata, ..Layout::new([data.len(), 1], 1, sample) };
        round_trip(&layout, data, None, &[]).data
    };
    let below = 0.5f32.next_down();
    let values = [-0.5, 0.49, below, 0.5, 1.5, 2.5, 1023.4, 1023.5, 4000.0, f32::INFINITY];
    let rounded = [0.0, 0.0, 0.0, 1.0, 2.0, 3.0, 1023.0, 1023.0, 1023.0, 1023.0];
    assert_eq!(stored(Sample::U16, [0.0, 1023.0], None, &values), rounded);
    // Zero means nodata: dark pixels become 1. The top means nodata: they go down.
    assert_eq!(stored(Sample::U8, [0.0, 300.0], Some(0.0), &[-5.0, 0.2, 1.0, 300.0]), [1.0, 1.0, 1.0, 255.0]);
    assert_eq!(stored(Sample::U8, [0.0, 255.0], Some(255.0), &[254.0, 255.0]), [254.0, 254.0]);
    assert_eq!(stored(Sample::I16, [-9e9, 9e9], None, &[-1.5, -0.4, -4e4, 4e4]), [-2.0, 0.0, -32768.0, 32767.0]);
    let [moved] = stored(Sample::F32, [-1.0, 1.0], Some(0.5), &[0.5])[..] else { panic!() };
    assert!(moved > 0.5 && moved < 0.500_001, "{moved}");
    assert_eq!(stored(Sample::F32, [-1.0, 1.0], None, &[0.5, -7.0, 7.0]), [0.5, -1.0, 1.0]);
}

#[test]
fn every_half_of_every_type_is_rounded_away_from_zero() {
    for sample in [Sample::U8, Sample::U16, Sample::I16] {
        let [low, high] = sample.range();
        let data: Vec<f32> = (0..=8 * 600).map(|i| low.max(-300.0) + i as f32 / 8.0).filter(|v| *v <= high).collect();
        let back = round_trip(&Layout::new([data.len(), 1], 1, sample), &data, None, &["COMPRESS=NONE"]).data;
        let wanted: Vec<f32> = data.iter().map(|v| v.round()).collect();
        assert_eq!(back, wanted, "{sample}");
    }
}

#[test]
fn invalid_pixels_become_nodata() {
    let data = [9.0, 0.0, f32::NAN, 5.0, 8.0, 9.0];
    let layout = Layout { nodata: Some(9.0), ..Layout::new([3, 1], 2, Sample::U16) };
    let back = round_trip(&layout, &data, Some(&[true, false, true]), &[]);
    assert_eq!((back.data, back.valid), (vec![10.0, 0.0, 9.0, 9.0, 8.0, 10.0], Some(vec![true, false, true])));
}

#[test]
fn outputs_appear_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.tif");
    let layout = Layout::new([2, 2], 1, Sample::U8);
    let put = |data: &[f32; 4], overwrite| write(&path, &layout, data, None, &Creation::default(), overwrite);
    let good = [1.0, 2.0, 3.0, 4.0];

    check_output(&path, false).unwrap();
    let error = put(&[1.0, f32::NAN, 3.0, 4.0], false).unwrap_err();
    assert!(matches!(&error, TiffError::Write { source, .. } if source.to_string().contains("row 1, column 2 is NaN")));
    assert_eq!(listing(folder.path()), [""; 0]);

    put(&good, false).unwrap();
    assert_eq!((read(&path).unwrap().data, listing(folder.path())), (good.to_vec(), vec!["out.tif".to_owned()]));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let plain = folder.path().join("plain");
        fs::write(&plain, "").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&path), mode(&plain), "as readable as any new file");
        fs::remove_file(plain).unwrap();
    }

    for refused in [check_output(&path, false), put(&good, false)] {
        assert!(matches!(refused, Err(TiffError::Exists { .. })));
    }
    // A failure in the middle leaves the old file as it was.
    for kind in [io::ErrorKind::StorageFull, io::ErrorKind::Other] {
        let error = write_atomically(&path, true, |file| file.write_all(b"half").and(Err(kind.into()))).unwrap_err();
        assert_eq!(matches!(error, TiffError::DiskFull { .. }), kind == io::ErrorKind::StorageFull, "{error}");
        assert_eq!(error.kind(), ErrorClass::Output);
        assert_eq!((read(&path).unwrap().data, listing(folder.path()).len()), (good.to_vec(), 1));
    }
    // The name is taken while the contents are being made.
    let other = folder.path().join("other");
    let error = write_atomically(&other, false, |_| fs::write(&other, "theirs")).unwrap_err();
    assert!(matches!(error, TiffError::Exists { .. }), "{error}");
    assert_eq!(fs::read(&other).unwrap(), b"theirs");

    put(&[4.0, 3.0, 2.0, 1.0], true).unwrap();
    assert_eq!((read(&path).unwrap().data, listing(folder.path()).len()), (vec![4.0, 3.0, 2.0, 1.0], 2));
}

#[test]
fn what_killed_writes_left_goes_with_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, contents: &str| fs::write(folder.path().join(name), contents).unwrap();
    put(".trapan-killed.part", "half");
    put(".trapan-alive.part", "half");
    put(".trapan-begun.part", "");
    put("trapan-mine.part", "mine");
    let alive = fs::File::open(folder.path().join(".trapan-alive.part")).unwrap();
    alive.lock().unwrap();
    write_atomically(&folder.path().join("out"), false, |file| file.write_all(b"whole")).unwrap();
    assert_eq!(listing(folder.path()), [".trapan-alive.part", ".trapan-begun.part", "out", "trapan-mine.part"]);
}

#[test]
fn a_writer_that_is_not_finished_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.tif");
    fs::write(&path, "old").unwrap();
    let layout = Layout::new([700, 600], 2, Sample::U16);
    let begin = || CogWriter::create(&path, &layout, &Creation::default(), true).unwrap();
    let row = [1.0; 700 * 2];
    let mut file = begin();
    for _ in 0..599 {
        file.write_rows(&row, None).unwrap();
    }
    drop(file);
    let error = |result: Result<(), TiffError>| match result {
        Err(TiffError::Write { source, .. }) if source.kind() == io::ErrorKind::InvalidInput => source.to_string(),
        other => panic!("{other:?}"),
    };
    let mut file = begin();
    file.write_rows(&row, None).unwrap();
    assert_eq!(error(file.finish()), "1 of 600 rows are given");
    assert_eq!(
        error(begin().write_rows(&row[1..], None)),
        "1399 values are given, not whole rows of 700 pixels in 2 bands"
    );
    assert_eq!(error(begin().write_rows(&row, Some(&[true]))), "the mask has another size than the rows");
    assert_eq!(error(begin().write_rows(&[1.0; 601 * 1400], None)), "601 rows are given for 600");
    assert_eq!((fs::read(&path).unwrap(), listing(folder.path()).len()), (b"old".to_vec(), 1));
    let mut file = begin();
    file.write_rows(&[1.0; 600 * 1400], None).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"old", "until the new one is whole");
    file.finish().unwrap();
    assert_eq!((read(&path).unwrap().size(), listing(folder.path()).len()), ([700, 600], 1));
}

#[test]
fn impossible_outputs_are_refused_early() {
    let folder = tempfile::tempdir().unwrap();
    let error = check_output(&folder.path().join("none/out.tif"), false).unwrap_err();
    assert!(matches!(error, TiffError::Folder { .. }) && error.kind() == ErrorClass::Output, "{error}");
    for overwrite in [false, true] {
        let error = check_output(folder.path(), overwrite).unwrap_err();
        assert!(matches!(error, TiffError::Write { .. }), "{error}");
    }
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = check_output(&file.join("out.tif"), false).unwrap_err();
    assert!(matches!(error, TiffError::Folder { .. }), "{error}");
    #[cfg(target_os = "linux")]
    {
        // A folder in which nobody, not even root, makes files.
        let error = check_output(Path::new("/proc/out.tif"), false).unwrap_err();
        assert!(matches!(error, TiffError::Folder { .. }), "{error}");
    }
    assert_eq!(listing(folder.path()), ["file"]);

    let good = Layout::new([2, 1], 1, Sample::U8);
    let path = folder.path().join("out.tif");
    for (bad, why) in [
        (Layout { width: 0, ..good.clone() }, "0x1 pixels"),
        (Layout { height: 1 << 31, ..good.clone() }, "2147483648 pixels"),
        (Layout { bands: 0, ..good.clone() }, "0 bands"),
        (Layout { width: 600, height: 600, bands: 65535, ..good.clone() }, "BLOCKSIZE"),
        (Layout { range: [2.0, 1.0], ..good.clone() }, "range"),
        (Layout { range: [f32::NAN, 1.0], ..good.clone() }, "range"),
        (Layout { range: [300.0, 400.0], ..good.clone() }, "range"),
        (Layout { range: [7.0, 7.0], nodata: Some(7.0), ..good.clone() }, "range"),
    ] {
        let error = CogWriter::create(&path, &bad, &Creation::default(), false).err().expect("cannot be stored");
        assert!(matches!(error, TiffError::Write { .. }) && error.to_string().contains(why), "{error}");
    }
    assert_eq!(listing(folder.path()), ["file"]);
}

/// Runs one ignored test of this binary in a process of its own, through a shell line.
fn child(test: &str, folder: &Path, shell: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{shell} exec \"$0\" \"$@\"")]).arg(env::current_exe().unwrap());
    command.args([test, "--exact", "--ignored", "--nocapture"]).env("TRAPAN_TEST_FOLDER", folder);
    command
}

/// In a child: the folder it works in.
fn given_folder() -> PathBuf {
    PathBuf::from(env::var_os("TRAPAN_TEST_FOLDER").unwrap())
}

#[cfg(unix)]
#[test]
fn an_interrupted_process_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let ended = child("tiff::writing::child_is_interrupted", folder.path(), "").output().unwrap();
    assert_eq!(ended.status.code(), Some(130), "{ended:?}");
    assert_eq!(listing(folder.path()), ["seen"], "it came that far");
}

#[test]
#[ignore = "run by an_interrupted_process_leaves_nothing"]
fn child_is_interrupted() {
    let folder = given_folder();
    let _ = write_atomically(&folder.join("out.tif"), false, |file| {
        file.write_all(b"half")?;
        fs::write(folder.join("seen"), "")?;
        // What a handler of interrupts does.
        remove_temporary_files();
        std::process::exit(130)
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_killed_process_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.tif");
    fs::write(&path, "old").unwrap();
    let mut writer = child("tiff::writing::child_is_killed", folder.path(), "").spawn().unwrap();
    let start = std::time::Instant::now();
    while !folder.path().join("seen").exists() {
        assert!(start.elapsed().as_secs() < 60, "the child never got to write");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    writer.kill().unwrap(); // SIGKILL
    assert_eq!(writer.wait().unwrap().code(), None);
    // Spools and output had no names.
    assert_eq!(
        (listing(folder.path()), fs::read(&path).unwrap()),
        (vec!["out.tif".into(), "seen".into()], b"old".into())
    );
}

#[test]
#[ignore = "run by a_killed_process_leaves_nothing"]
fn child_is_killed() {
    let folder = given_folder();
    let layout = Layout::new([1200, 100_000], 3, Sample::U16);
    let mut file = CogWriter::create(&folder.join("out.tif"), &layout, &Creation::default(), true).unwrap();
    let rows = scene(Sample::U16, [1200, 100, 3]);
    for i in 0.. {
        file.write_rows(&rows, None).unwrap();
        if i == 15 {
            fs::write(folder.join("seen"), "").unwrap();
        }
    }
}

#[cfg(unix)]
#[test]
fn a_refused_write_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    // Files of at most 4 to 8 KiB, and the signal that would end the process ignored.
    let ended =
        child("tiff::writing::child_runs_out_of_room", folder.path(), "trap '' XFSZ; ulimit -f 8;").output().unwrap();
    assert!(ended.status.success(), "{ended:?}");
    assert_eq!(listing(folder.path()), [""; 0]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().display();
    // A disk of 1 MiB that only this process sees, with an old file on it.
    let mount = format!("mount -t tmpfs -o size=1m tmpfs '{disk}' && echo old > '{disk}/out.tif' || exit 77;");
    let mut line = Command::new("unshare");
    let child = child("tiff::writing::child_runs_out_of_room", folder.path(), &mount);
    line.args(["-r", "-m", "--"]).arg(child.get_program()).args(child.get_args());
    let ended = line.env("TRAPAN_TEST_FOLDER", folder.path()).output();
    match ended.as_ref().map(|e| e.status.code()) {
        Ok(Some(0)) => {}
        Ok(Some(77 | 1)) | Err(_)
            if !ended.as_ref().is_ok_and(|e| String::from_utf8_lossy(&e.stdout).contains("panicked")) =>
        {
            skipped("full disk: no right to mount one")
        }
        _ => panic!("{ended:?}"),
    }
}

#[test]
#[ignore = "run by a_refused_write_leaves_nothing and a_full_disk_leaves_the_old_file"]
fn child_runs_out_of_room() {
    let folder = given_folder();
    let before = listing(&folder);
    let size = [700, 700, 1];
    let layout = Layout::new([700, 700], 1, Sample::F32);
    let error = write(&folder.join("out.tif"), &layout, &scene(Sample::F32, size), None, &Creation::default(), true);
    let error = error.unwrap_err();
    match before.is_empty() {
        true => assert!(matches!(error, TiffError::Write { .. } | TiffError::DiskFull { .. }), "{error}"),
        false => {
            assert!(matches!(error, TiffError::DiskFull { .. }), "{error}");
            assert_eq!((listing(&folder), fs::read(folder.join("out.tif")).unwrap()), (before, b"old\n".to_vec()));
        }
    }
}
