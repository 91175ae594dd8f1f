//! What lies beside a file: GDAL's own file about it, world files, camera models.

use std::{fs, path::Path};

use trapan::tiff::{Format, Header, Item, Layout, Output, Sample, Source, TiffError, check_outputs};

use crate::fixture::{Fixture, scene, utm};

const SIZE: [usize; 3] = [20, 10, 2];

/// A file without georeference, with other files beside it; their names are given by what follows `scene`.
fn header(fixture: Fixture, beside: &[(&str, &str)]) -> Header {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scene.tif");
    fs::write(&path, fixture.bytes(&scene(Sample::U16, SIZE))).unwrap();
    beside.iter().for_each(|(end, text)| fs::write(folder.path().join(format!("scene{end}")), text).unwrap());
    let header = Source::open(&[&path]).unwrap().header().clone();
    let names: Vec<_> = header.beside.iter().map(|path| path.strip_prefix(folder.path()).unwrap()).collect();
    let noted = |end: &str| header.notes.iter().any(|note| note.contains(&format!("scene{end}")));
    for (end, _) in beside {
        let name = format!("scene{end}");
        assert_ne!(names.contains(&Path::new(&name)), noted(end), "{name} is read or named: {:?}", header.notes);
    }
    header
}

fn plain() -> Fixture {
    Fixture::new(Sample::U16, SIZE)
}

/// With place, nodata, names and a scale in its tags.
fn tagged() -> Fixture {
    let text = |text: &str| text.bytes().chain([0]).map(u64::from).collect::<Vec<_>>();
    let doubles = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    let geo = utm();
    let xml = "<GDALMetadata><Item name=\"DESCRIPTION\" sample=\"0\" role=\"description\">Tag</Item>\
               <Item name=\"SCALE\" sample=\"1\" role=\"scale\">2</Item><Item name=\"SENSOR\">old</Item></GDALMetadata>";
    plain()
        .with(33550, 12, &doubles(&geo.pixel_scale))
        .with(33922, 12, &doubles(&geo.tiepoints))
        .with(34735, 3, &geo.keys.iter().map(|k| u64::from(*k)).collect::<Vec<_>>())
        .with(34737, 2, &text("UTM 30N|"))
        .with(42113, 2, &text("7"))
        .with(42112, 2, &text(xml))
}

fn corner(header: &Header) -> [f64; 4] {
    let affine = header.geo.affine().unwrap();
    [affine.x0, affine.y0, affine.dx, affine.dy]
}

const UTM_SOUTH: &str = "PROJCS[\"WGS_1984_UTM_Zone_19S\",GEOGCS[\"GCS_WGS_1984\",DATUM[\"D_WGS_1984\",\
    SPHEROID[\"WGS_1984\",6378137.0,298.257223563]],PRIMEM[\"Greenwich\",0.0],UNIT[\"Degree\",0.0174532925199433]],\
    PROJECTION[\"Transverse_Mercator\"],PARAMETER[\"Central_Meridian\",-69.0],UNIT[\"Meter\",1.0]]";

#[test]
fn gdals_own_file_goes_before_the_tags() {
    let crs = UTM_SOUTH.replace('"', "&quot;");
    let pam = format!(
        "\u{feff}<?xml version=\"1.0\"?><!-- of a GIS --><PAMDataset>
        <SRS dataAxisToSRSAxisMapping=\"1,2\">{crs}</SRS>
        <GeoTransform> 500008.0, 2.0, 0, 4000000.0, 0, -2.0</GeoTransform>
        <Metadata><MDI key=\"SENSOR\">WV &amp; <![CDATA[<02>]]></MDI><MDI key=\"AREA_OR_POINT\">Point</MDI></Metadata>
        <PAMRasterBand band=\"1\"><Description>Blue</Description><NoDataValue>9</NoDataValue>
          <Metadata><MDI key=\"STATISTICS_MEAN\">3</MDI></Metadata></PAMRasterBand>
        <PAMRasterBand band=\"2\"><NoDataValue le_hex_equiv=\"0000000000002440\">9.9999</NoDataValue>
          <ColorInterp>Red</ColorInterp><Scale>0.5</Scale><UnitType>m</UnitType></PAMRasterBand></PAMDataset>"
    );
    let found = header(tagged(), &[(".tif.aux.xml", &pam)]);
    assert_eq!((corner(&found), found.geo.epsg()), ([500008.0, 4e6, 2.0, -2.0], Some(32719)));
    assert_eq!((found.nodata, &found.descriptions[..]), (Some(9.0), &[Some("Blue".to_owned()), None][..]));
    assert_eq!(found.metadata.colours, [None, Some("Red".to_owned())]);
    let items: Vec<_> = found.metadata.items.iter().map(|i| (&i.name[..], i.sample, &i.value[..])).collect();
    assert_eq!(items, [("SENSOR", None, "WV & <02>"), ("UNITTYPE", Some(1), "m"), ("SCALE", Some(1), "0.5")]);
    // What it does not say is said by the tags.
    let found = header(tagged(), &[(".tif.aux.xml", "<PAMDataset/>")]);
    assert_eq!(found.geo, utm());
    assert_eq!((found.nodata, found.descriptions[0].as_deref()), (Some(7.0), Some("Tag")));
    let scale =
        Item { name: "SCALE".into(), sample: Some(1), role: Some("scale".into()), domain: None, value: "2".into() };
    assert!(found.metadata.items.contains(&scale), "{:?}", found.metadata.items);
}

/// Each band has the nodata value that is stated for it.
#[test]
fn nodata_by_band_is_validity() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scene.tif");
    let values: Vec<f32> = (0..400).map(|i| if i == 10 || i == 21 { 5.0 } else { 6.0 }).collect();
    fs::write(&path, plain().bytes(&values)).unwrap();
    let pam = "<PAMDataset><PAMRasterBand band=\"1\"><NoDataValue>5</NoDataValue></PAMRasterBand></PAMDataset>";
    fs::write(folder.path().join("scene.tif.aux.xml"), pam).unwrap();
    let found = Source::open(&[&path]).unwrap().read_all().unwrap();
    let invalid: Vec<usize> = (0..200).filter(|i| !found.valid.as_ref().unwrap()[*i]).collect();
    assert_eq!(invalid, [5], "5 is nodata in the first band only");
}

#[test]
fn a_transparent_band_can_be_named_a_colour_beside_the_file() {
    let file = || plain().with(338, 3, &[2]);
    assert_eq!(header(file(), &[]).alpha, None, "hundreds of values are no mask");
    let mask: Vec<f32> = (0..400).map(|i| if i % 2 > 0 { 255.0 } else { i as f32 }).collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scene.tif");
    fs::write(&path, file().bytes(&mask)).unwrap();
    let bands = || Source::open(&[&path]).unwrap().header().bands;
    assert_eq!(bands(), 1);
    let pam = "<PAMDataset><PAMRasterBand band=\"2\"><ColorInterp>Undefined</ColorInterp></PAMRasterBand></PAMDataset>";
    fs::write(folder.path().join("scene.tif.aux.xml"), pam).unwrap();
    assert_eq!(bands(), 2);
}

const WORLD: &str = "2.0\n0\n0\n-2.0\n500001.0\n3999999.0\n";

#[test]
fn world_files_place_what_has_no_place() {
    for name in [".tfw", ".TFW", ".tifw", ".wld"] {
        let found = header(plain(), &[(name, WORLD), (".prj", UTM_SOUTH)]);
        assert_eq!((corner(&found), found.geo.epsg()), ([5e5, 4e6, 2.0, -2.0], Some(32719)), "{name}");
    }
    // A comma for the point, turned, and no system.
    let found = header(plain(), &[(".tfw", "2,0 0,5 -0,5 -2,0 1 2")]);
    let affine = found.geo.affine().unwrap();
    assert_eq!((affine.ry, affine.rx, affine.x0, affine.y0), (0.5, -0.5, 0.25, 2.75));
    // Tags go before.
    assert_eq!(header(tagged(), &[(".tfw", "1 0 0 -1 0 0")]).geo, utm());
}

#[test]
fn coordinate_systems_without_a_code_are_carried_as_text() {
    let odd = UTM_SOUTH.replace("WGS_1984_UTM_Zone_19S", "Local grid").replace("-69.0", "-68.5");
    let found = header(plain(), &[(".tfw", WORLD), (".prj", &odd)]);
    assert_eq!(found.geo.epsg(), None);
    assert_eq!(found.geo.ascii_params, format!("ESRI PE String = {odd}|").into_bytes());
    // Where GDAL looks for it: a user-defined model, and the text as the projected citation.
    let count = found.geo.ascii_params.len() as u16;
    assert_eq!(found.geo.keys, [1, 1, 0, 2, 1024, 0, 1, 32767, 3073, 34737, count, 0]);
    for (text, code) in [
        ("GEOGCS[\"GCS_WGS_1984\",DATUM[\"D_WGS_1984\"]]", 4326),
        ("PROJCS[\"any\",GEOGCS[\"g\",AUTHORITY[\"EPSG\",\"4277\"]],AUTHORITY[\"EPSG\",\"27700\"]]", 27700),
        ("PROJCRS[\"any\",BASEGEOGCRS[\"g\",ID[\"EPSG\",4277]],ID[\"EPSG\",27700]]", 27700),
        (
            "COMPD_CS[\"c\",PROJCS[\"any\",AUTHORITY[\"EPSG\",\"2056\"]],VERT_CS[\"v\",AUTHORITY[\"EPSG\",\"5728\"]]]",
            2056,
        ),
        ("PROJCS[\"ETRS_1989_UTM_Zone_32N\",GEOGCS[\"g\",AUTHORITY[\"EPSG\",\"4258\"]],UNIT[\"Meter\",1.0]]", 25832),
    ] {
        assert_eq!(header(plain(), &[(".tfw", WORLD), (".prj", text)]).geo.epsg(), Some(code), "{text}");
    }
}

/// Numbers of a camera: 12 single ones, of which the first two are errors, and four lists.
fn camera() -> Vec<f64> {
    (0..92).map(|i| 0.5 + f64::from(i)).collect()
}

const SINGLE: [&str; 12] = [
    "errBias",
    "errRand",
    "lineOffset",
    "sampOffset",
    "latOffset",
    "longOffset",
    "heightOffset",
    "lineScale",
    "sampScale",
    "latScale",
    "longScale",
    "heightScale",
];
const LISTS: [&str; 4] = ["LINE_NUM_COEFF", "LINE_DEN_COEFF", "SAMP_NUM_COEFF", "SAMP_DEN_COEFF"];

/// In the form of Maxar and GF deliveries.
fn rpb(numbers: &[f64]) -> String {
    let single: String = SINGLE.iter().zip(numbers).map(|(name, v)| format!("\t{name} = {v};\n")).collect();
    let names = ["lineNumCoef", "lineDenCoef", "sampNumCoef", "sampDenCoef"];
    let list = |(name, values): (&str, &[f64])| {
        let values: Vec<String> = values.iter().map(|v| format!("\t\t\t{v:E}")).collect();
        format!("\t{name} = (\n{});\n", values.join(",\n"))
    };
    let lists: String = names.into_iter().zip(numbers[12..].chunks(20)).map(list).collect();
    format!("satId = \"WV02\";\nBEGIN_GROUP = IMAGE\n{single}{lists}END_GROUP = IMAGE\nEND;\n")
}

/// As text, without the errors.
fn rpc_text(numbers: &[f64]) -> String {
    let names = "LINE_OFF SAMP_OFF LAT_OFF LONG_OFF HEIGHT_OFF LINE_SCALE SAMP_SCALE LAT_SCALE LONG_SCALE HEIGHT_SCALE";
    let single: String =
        names.split(' ').zip(&numbers[2..]).map(|(name, v)| format!("{name}: +{v} units\r\n")).collect();
    let list = |(name, values): (&&str, &[f64])| {
        values.iter().zip(1..).map(|(v, i)| format!("{name}_{i}: {v:e}\r\n")).collect::<String>()
    };
    single + &LISTS.iter().zip(numbers[12..].chunks(20)).map(list).collect::<String>()
}

#[test]
fn camera_models_go_into_the_result_and_move_with_the_crop() {
    let unknown = [&[-1.0; 2][..], &camera()[2..]].concat();
    let tag: Vec<u64> = camera().iter().map(|v| (v + 1.0).to_bits()).collect();
    let with_tag = || plain().with(50844, 12, &tag);
    let other: Vec<f64> = camera().iter().map(|v| v + 7.0).collect();
    let in_pam = {
        let single: String = rpc_text(&other)
            .lines()
            .take(10)
            .map(|line| {
                let (key, value) = line.split_once(": ").unwrap();
                format!("<MDI key=\"{key}\">{}</MDI>", value.trim_end_matches(" units").trim_start_matches('+'))
            })
            .collect();
        let list = |(name, values): (&&str, &[f64])| {
            let values: Vec<String> = values.iter().map(f64::to_string).collect();
            format!("<MDI key=\"{name}\">{}</MDI>", values.join(" "))
        };
        let lists: String = LISTS.iter().zip(other[12..].chunks(20)).map(list).collect();
        format!("<PAMDataset><Metadata domain=\"RPC\">{single}{lists}</Metadata></PAMDataset>")
    };
    // In GDAL's order: each goes before those that follow it.
    for (beside, wanted) in [
        (vec![(".RPB", rpb(&camera())), (".tif.aux.xml", in_pam.clone())], camera()),
        (vec![(".rpb", rpb(&camera()))], camera()),
        (vec![("_RPC.TXT", rpc_text(&camera())), (".tif.aux.xml", in_pam.clone())], unknown.clone()),
        (vec![("_rpc.txt", rpc_text(&camera()))], unknown),
        (vec![(".tif.aux.xml", in_pam)], [&[-1.0; 2][..], &other[2..]].concat()),
        (vec![], camera().iter().map(|v| v + 1.0).collect()),
    ] {
        let beside: Vec<_> = beside.iter().map(|(end, text)| (*end, &text[..])).collect();
        assert_eq!(header(with_tag(), &beside).metadata.rpc, wanted, "{beside:?}");
    }
    let found = header(plain(), &[(".RPB", &rpb(&camera()))]);
    let part = found.part(trapan::tiff::Window { x: 3, y: 2, width: 9, height: 8 });
    let layout = Layout::fused(&part, &part);
    assert_eq!(layout.metadata.rpc[2..4], [camera()[2] - 2.0, camera()[3] - 3.0]);
}

/// In the form of Airbus (Pléiades, SPOT), which counts pixels from 1 and has models in both directions.
fn dimap(numbers: &[f64]) -> String {
    let names = "LINE_OFF SAMP_OFF LAT_OFF LONG_OFF HEIGHT_OFF LINE_SCALE SAMP_SCALE LAT_SCALE LONG_SCALE HEIGHT_SCALE";
    let element = |name: &str, value: f64| format!("<{name}>{value}</{name}>\n");
    let single: String = names.split(' ').zip(&numbers[2..]).map(|(name, v)| element(name, *v)).collect();
    let lists = |numbers: &[f64]| {
        let list = |(name, values): (&&str, &[f64])| {
            values.iter().zip(1..).map(|(v, i)| element(&format!("{name}_{i}"), *v)).collect::<String>()
        };
        LISTS.iter().zip(numbers[12..].chunks(20)).map(list).collect::<String>()
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Dimap_Document><Rational_Function_Model><Global_RFM>\
         <Direct_Model>{}</Direct_Model><Inverse_Model>{}<ERR_BIAS_ROW>0.1</ERR_BIAS_ROW></Inverse_Model>\
         <RFM_Validity><Direct_Model_Validity_Domain><FIRST_ROW>1</FIRST_ROW></Direct_Model_Validity_Domain>{single}\
         </RFM_Validity></Global_RFM></Rational_Function_Model></Dimap_Document>",
        lists(&[0.25; 92]),
        lists(numbers)
    )
}

#[test]
fn camera_models_of_airbus_count_from_one() {
    let folder = tempfile::tempdir().unwrap();
    let image = |tile: &str| {
        let path = folder.path().join(format!("IMG_PHR1A_P_001{tile}.TIF"));
        fs::write(&path, plain().bytes(&scene(Sample::U16, SIZE))).unwrap();
        Source::open(&[&path]).unwrap().header().clone()
    };
    let mut wanted = [&[-1.0; 2][..], &camera()[2..]].concat();
    wanted[2] -= 1.0;
    wanted[3] -= 1.0;
    let other: Vec<f64> = camera().iter().map(|v| v + 7.0).collect();
    let put = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    put("RPC_PHR1A_P_001.XML", &dimap(&camera()));
    let found = image("_R1C1");
    assert_eq!((&found.metadata.rpc, found.notes.len()), (&wanted, 0));
    let model = folder.path().join("RPC_PHR1A_P_001.XML");
    assert!(found.beside.iter().eq([&model]), "{:?}", found.beside);
    let taken = check_outputs(&[found.path], &[Output::new(model, Format::Json)]);
    assert!(matches!(taken, Err(TiffError::Claimed { .. })), "{taken:?}");
    // Of the whole scene, it says nothing of where another tile begins.
    let found = image("_R2C1");
    assert_eq!((found.metadata.rpc.len(), found.notes.len()), (0, 1));
    assert!(found.notes[0].contains("RPC_PHR1A_P_001.XML: not used: it counts pixels from tile R1C1"), "{found:?}");
    // No tile: GDAL does not look for it either.
    let found = image("");
    assert_eq!((found.metadata.rpc.len(), found.notes.len()), (0, 0));
    // The tile's own goes before the scene's, Maxar's before both.
    put("RPC_PHR1A_P_001_R1C1.XML", &dimap(&other));
    assert_eq!(image("_R1C1").metadata.rpc[2], other[2] - 1.0);
    put("IMG_PHR1A_P_001_R1C1.RPB", &rpb(&camera()));
    assert_eq!(image("_R1C1").metadata.rpc, camera());
    fs::remove_file(folder.path().join("IMG_PHR1A_P_001_R1C1.RPB")).unwrap();
    for (text, why) in [("<Dimap_Document/>", "Global_RFM"), ("<Global_RFM><RFM_Validity/></Global_RFM>", "LINE_OFF")] {
        put("RPC_PHR1A_P_001_R1C1.XML", text);
        let found = image("_R1C1");
        assert!(found.metadata.rpc.is_empty() && found.notes[0].contains(why), "{:?}", found.notes);
    }
}

/// A file that cannot be understood is named, and the image read without it: `header` sees to that.
#[test]
fn what_cannot_be_used_is_named() {
    for (end, text) in [
        (".tif.aux.xml", "<PAMDataset><GeoTransform>"),
        (".tif.aux.xml", "<html></html>"),
        (".tif.aux.xml", ""),
        (".tfw", "1 0 0 0 5 5"),
        (".tfw", "1 0 0 -1 5"),
        (".RPB", "lineOffset = 1;"),
        ("_RPC.TXT", "LINE_OFF: one"),
    ] {
        let found = header(plain(), &[(end, text)]);
        assert_eq!((found.geo.affine(), found.metadata.rpc.len(), found.notes.len()), (None, 0, 1), "{end}: {text}");
    }
    let deep = format!("<PAMDataset>{}", "<a>".repeat(100_000));
    assert!(header(plain(), &[(".tif.aux.xml", &deep)]).notes[0].contains("within each other"));
    // Of GDAL's file the rest is used.
    for (part, why) in [
        ("<GCPList><GCP Id=\"1\"/></GCPList>", "control points"),
        ("<GeoTransform>1, 2, 3</GeoTransform>", "GeoTransform is 1, 2, 3"),
        ("<SRS>LOCAL_CS[&quot;x&quot;]</SRS>", "coordinate system"),
        ("<Metadata domain=\"RPC\"><MDI key=\"LINE_OFF\">1</MDI></Metadata>", "SAMP_OFF"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scene.tif");
        fs::write(&path, plain().bytes(&scene(Sample::U16, SIZE))).unwrap();
        let band = "<PAMRasterBand band=\"1\"><Description>Blue</Description></PAMRasterBand>";
        let pam = format!("<PAMDataset>{part}{band}</PAMDataset>");
        fs::write(folder.path().join("scene.tif.aux.xml"), pam).unwrap();
        let header = Source::open(&[&path]).unwrap().header().clone();
        assert!(header.notes.len() == 1 && header.notes[0].contains(why), "{:?}", header.notes);
        assert!(header.notes[0].contains("scene.tif.aux.xml") && header.geo.affine().is_none());
        assert_eq!(header.descriptions[0].as_deref(), Some("Blue"));
    }
}
