"""Makes the seeds of the fuzz targets: seeds.py TRAPAN [FOLDER], the program and where the corpus goes.

Files of the program itself (a simulated pair, a model, settings), small TIFFs of other layouts, and one of each file
that lies beside an image or comes with a product. Needs nothing but Python.
"""
import json, pathlib, struct, subprocess, sys, tempfile, zlib

program = pathlib.Path(sys.argv[1]).resolve()
corpus = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else pathlib.Path(__file__).parent / "corpus")


def seed(target, name, data):
    folder = corpus / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data.encode() if isinstance(data, str) else data)


def tiff(width=20, height=12, bands=2, tile=None, deflate=False, big=False, order="<", extra=()):
    """Bytes of u16 values in one strip, or in tiles."""
    chunk = tile or (width, height)
    count = -(-width // chunk[0]) * -(-height // chunk[1])
    raw = struct.pack(f"{order}{chunk[0] * chunk[1] * bands}H", *(i % 999 for i in range(chunk[0] * chunk[1] * bands)))
    data = zlib.compress(raw) if deflate else raw
    at = 16 if big else 8
    head = {"<": b"II", ">": b"MM"}[order] + struct.pack(order + ("HHHQ" if big else "HI"), *((43, 8, 0) if big else (42,)), at + len(data))
    places = ((324, 4, [at] * count), (325, 4, [len(data)] * count), (322, 3, [chunk[0]]), (323, 3, [chunk[1]]))
    if not tile:
        places = ((273, 4, [at]), (279, 4, [len(data)]), (278, 3, [height]))
    tags = [(256, 3, [width]), (257, 3, [height]), (258, 3, [16] * bands), (259, 3, [8 if deflate else 1]),
            (262, 3, [1]), (277, 3, [bands]), (284, 3, [1]), (339, 3, [1] * bands), *places, *extra]
    room = 8 if big else 4
    entries, rest = b"", b""
    start = at + len(data) + (8 if big else 2) + len(tags) * (20 if big else 12) + room
    for tag, kind, values in sorted(tags):
        body = struct.pack(f"{order}{len(values)}" + {2: "B", 3: "H", 4: "I", 12: "d"}[kind], *values)
        if len(body) > room:
            body, rest = struct.pack(order + ("Q" if big else "I"), start + len(rest)), rest + body
        entries += struct.pack(order + ("HHQ" if big else "HHI"), tag, kind, len(values)) + body.ljust(room, b"\0")
    number = struct.pack(order + ("Q" if big else "H"), len(tags))
    return head + data + number + entries + bytes(room) + rest


def files_of_the_program():
    with tempfile.TemporaryDirectory() as folder:
        run = lambda *args: subprocess.run([program, *args], cwd=folder, check=True, capture_output=True, text=True)
        run("simulate", "-o", ".", "--size", "64", "--bands", "4")
        short = "--epochs 1 --dam-epochs 1 --warm-up-epochs 0 --width 8 --blocks 1 --dam-width 4 --device cpu".split()
        said = run("fuse", "pan.tif", "ms.tif", "-o", "out.tif", "--save-model", "m.safetensors", "-v", *short).stderr
        read = lambda name: (pathlib.Path(folder) / name).read_bytes()
        seed("tiff", "pan", read("pan.tif"))
        seed("tiff", "fused", read("out.tif"))
        seed("configuration", "settings", next(line for line in said.splitlines() if line.startswith("settings: "))[10:])
        model = read("m.safetensors")
        seed("model", "model", model)
        # The same file with the line of a checkpoint.
        (length,) = struct.unpack("<Q", model[:8])
        head = json.loads(model[8:8 + length])
        position = {"dam_epochs": 1, "planned": 0, "kept": [None, None], "recent": [], "averaged": 0, "judgement": None, "steps": []}
        line = {"version": 2, "identity": "fuzz", "device": "fuzz", "position": position}
        head["__metadata__"] = {"trapan": json.dumps(line)}
        line = json.dumps(head).encode()
        line += b" " * (-len(line) % 8)
        seed("checkpoint", "checkpoint", struct.pack("<Q", len(line)) + line + model[8 + length:])


def tiffs():
    text = lambda s: [*s.encode(), 0]
    xml = '<GDALMetadata><Item name="DESCRIPTION" sample="0" role="description">A</Item></GDALMetadata>'
    place = ((33550, 12, [2.0, 2.0, 0.0]), (33922, 12, [0.0, 0.0, 0.0, 5e5, 4e6, 0.0]),
             (34735, 3, [1, 1, 0, 2, 1024, 0, 1, 1, 3072, 0, 1, 32630]), (42113, 2, text("-1.#QNAN")), (42112, 2, text(xml)))
    seed("tiff", "strip", tiff())
    seed("tiff", "tiles", tiff(tile=(16, 16), deflate=True, extra=place))
    seed("tiff", "big", tiff(big=True, order=">", deflate=True))
    seed("tiff", "alpha", tiff(bands=4, extra=((338, 3, [0, 0, 2]),)))


def files_beside():
    pam = ('<PAMDataset><SRS>PROJCS["x",GEOGCS["y"],AUTHORITY["EPSG","32630"]]</SRS><GeoTransform>1,2,0,3,0,-2</GeoTransform>'
           '<Metadata domain="RPC"><MDI key="LINE_OFF">1</MDI></Metadata><Metadata><MDI key="a">&lt;b&#62;</MDI></Metadata>'
           '<PAMRasterBand band="1"><Description><![CDATA[Blue]]></Description><NoDataValue le_hex_equiv="0000000000002440">'
           '10</NoDataValue><ColorInterp>Red</ColorInterp><Scale>2</Scale></PAMRasterBand></PAMDataset>')
    single = "errBias errRand lineOffset sampOffset latOffset longOffset heightOffset lineScale sampScale latScale longScale heightScale"
    lists = "lineNumCoef lineDenCoef sampNumCoef sampDenCoef"
    rpb = "BEGIN_GROUP = IMAGE\n" + "".join(f"{k} = 1.5;\n" for k in single.split())
    rpb += "".join(f"{k} = (\n" + ",\n".join(["1E-3"] * 20) + ");\n" for k in lists.split())
    names = "LINE_OFF SAMP_OFF LAT_OFF LONG_OFF HEIGHT_OFF LINE_SCALE SAMP_SCALE LAT_SCALE LONG_SCALE HEIGHT_SCALE"
    rpc = "".join(f"{k}: 1.5 pixels\n" for k in names.split())
    rpc += "".join(f"{k}_COEFF_{i}: 0.5\n" for k in ("LINE_NUM", "LINE_DEN", "SAMP_NUM", "SAMP_DEN") for i in range(1, 21))
    prj = 'PROJCS["WGS_1984_UTM_Zone_30N",GEOGCS["GCS_WGS_1984",DATUM["D"]],UNIT["Meter",1.0]]'
    dimap = "".join(f"<{k}>1.5</{k}>" for k in names.split())
    model = "".join(f"<{k}_COEFF_{i}>0.5</{k}_COEFF_{i}>" for k in ("LINE_NUM", "LINE_DEN", "SAMP_NUM", "SAMP_DEN") for i in range(1, 21))
    dimap = f"<Global_RFM><Inverse_Model>{model}</Inverse_Model><RFM_Validity>{dimap}</RFM_Validity></Global_RFM>"
    world = "2\n0\n0\n-2\n1\n1\n"
    files = (("pam", pam), ("world", world), ("prj", prj), ("rpb", rpb), ("rpc", rpc), ("dimap", dimap))
    for i, (name, data) in enumerate(files):
        seed("beside", name, chr(i) + data)


def lists():
    side = 'xOff="0" yOff="0" xSize="2" ySize="2"'
    part = f'<SourceFilename relativeToVRT="1">a.tif</SourceFilename><SourceBand>1</SourceBand><SrcRect {side}/><DstRect {side}/>'
    band = (f'<VRTRasterBand dataType="UInt16" band="1"><NoDataValue>7</NoDataValue><SimpleSource>{part}</SimpleSource>'
            f"<ComplexSource>{part}<NODATA>0</NODATA><UseMaskBand>true</UseMaskBand></ComplexSource></VRTRasterBand>")
    place = "<SRS>EPSG:32630</SRS><GeoTransform>1,2,0,3,0,-2</GeoTransform>"
    seed("lists", "vrt", f'<VRTDataset rasterXSize="2" rasterYSize="2">{place}{band}</VRTDataset>')
    tile = '<Data_File tile_R="1" tile_C="1"><DATA_FILE_PATH href="a.tif"/></Data_File>'
    size = '<NROWS>2</NROWS><NCOLS>2</NCOLS><Regular_Tiling><NTILES_SIZE nrows="2" ncols="2"/></Regular_Tiling>'
    seed("lists", "dimap", f"<Dimap_Document><Data_Access><Data_Files>{tile}</Data_Files></Data_Access>"
                           f"<Raster_Dimensions>{size}</Raster_Dimensions></Dimap_Document>")


def products():
    mtl = 'GROUP = L1\n  SPACECRAFT_ID = "LANDSAT_8"\n  PROCESSING_LEVEL = "L1TP"\n  FILE_NAME_BAND_8 = "LC08_B8.TIF"\nEND_GROUP = L1\nEND\n'
    flat = json.dumps({"L1": {"SPACECRAFT_ID": "LANDSAT_8", "FILE_NAME_BAND_8": "LC08_B8.TIF", "N": [1, 2.5, None]}})
    imd = 'bandId = "Multi";\nbitsPerPixel = 16;\nBEGIN_GROUP = BAND_C\n\tULLon = 1;\nEND_GROUP = BAND_C\nsatId = "WV02";\nEND;\n'
    til = 'numTiles = 1;\nBEGIN_GROUP = TILE_1\n\tfilename = "scene.TIF";\nEND_GROUP = TILE_1\nEND;\n'
    for i, (name, data) in enumerate((("mtl", mtl), ("mtl-json", flat), ("imd", imd), ("til", til))):
        seed("product", name, chr(i) + data)


files_of_the_program()
tiffs()
files_beside()
lists()
products()
print("\n".join(f"{folder.name}: {len(list(folder.iterdir()))} seeds" for folder in sorted(corpus.iterdir())))
