//! The table of runs. In their words `@x` is PAN and MS of the input folder `x`, `+cpu` the device, `+short` the device
//! and a training of a moment; `cp`, `put` and `mkdir` prepare the case's folder.

/// Pairs that the program itself makes, held as any other run.
pub const INPUTS: &[&str] = &[
    "simulate -o a --size 64",
    "simulate -o wv3 --size 64 --bands 8 --sensor wv3 --seed 5",
    "simulate -o c --size 128 --sensor qb --seed 3",
    "simulate -o two --size 68 --height 60 --ratio 2 --seed 2",
    "simulate -o small --size 64 --ratio 2 --seed 4 -q",
    "simulate -o large --size 320 --seed 6",
];

pub const CASES: &[(&str, &[&str])] = &[
    // The longest goes first: the paper's method trains as it would alone.
    ("fuse-compare", &["fuse @small -o f.tif +short --compare --quality-gate --report r.json --report r.html"]),
    // Presets, efforts, settings of the training.
    (
        "fuse-trapan",
        &[
            "fuse @a -o f.tif +cpu --epochs 3 --dam-epochs 2 --warm-up-epochs 1 --report r.json --report r.html --quicklook q -v",
        ],
    ),
    (
        "fuse-faithful",
        &[
            "fuse @a -o f.tif +cpu --epochs 3 --dam-epochs 2 --warm-up-epochs 1 --preset faithful --report r.json --report r.html --save-model m.safetensors",
        ],
    ),
    (
        "fuse-paper",
        &[
            "fuse @a -o f.tif +cpu --epochs 3 --dam-epochs 2 --warm-up-epochs 1 --preset paper --report r.json --report r.html --save-model m.safetensors",
        ],
    ),
    ("fuse-best", &["fuse @a -o f.tif +short --effort best --report r.json"]),
    ("fuse-fast", &["fuse @a -o f.tif --effort fast --report r.json --report r.html --quicklook q"]),
    (
        "fuse-fast-consistency",
        &["fuse @a -o f.tif --effort fast --consistency 0.3", "fuse @a -o g.tif --effort fast --consistency off -v"],
    ),
    (
        "fuse-settings",
        &[
            "fuse @a -o f.tif +short --crops ten --sees-ms false --border 0 --bend 0 --withhold false --keep last --report r.json",
        ],
    ),
    (
        "fuse-order",
        &["fuse @a -o f.tif +short --preset faithful --order full-reduced --sampling random --report r.json"],
    ),
    ("fuse-order-back", &["fuse @a -o f.tif +short --order reduced-full --sampling always-full --warm-up reduced"]),
    ("fuse-no-warm-up", &["fuse @a -o f.tif +short --warm-up none --keep best --lr-floor 1 --full-probability 1"]),
    (
        "fuse-rates",
        &[
            "fuse @a -o f.tif +short --lr-dam 0.001 --lr-full 0.002 --lr-reduced 0.003 --lambda-spectral 2 --lambda-spatial 3 --adam-beta1 0.8 --adam-beta2 0.99 --adam-eps 1e-7 --batch 3 --keep last",
        ],
    ),
    (
        "fuse-sides",
        &["fuse @a -o f.tif +short --sides 8 --keep last", "fuse @a -o g.tif +short --sides 2 --keep last --seed 9"],
    ),
    (
        "fuse-upsample",
        &[
            "fuse @a -o f.tif +short --upsample cubic --keep last",
            "fuse @a -o g.tif +short --upsample interp23 --keep last --report r.html",
        ],
    ),
    ("fuse-asrun", &["fuse @a -o f.tif +short --preset faithful --reduced asrun --mean-decay 0.5 --keep mean"]),
    (
        "fuse-gains",
        &[
            "fuse @a -o f.tif +short --mtf-gains 0.2,0.25,0.3,0.35 --pan-gain 0.2 -v",
            "fuse @a -o g.tif +short --mtf-gains auto -v",
        ],
    ),
    (
        "fuse-depth",
        &[
            "fuse @a -o f.tif +short --bit-depth 16 --keep last",
            "fuse @a -o g.tif +short --bit-depth 12 --preset paper",
        ],
    ),
    (
        "fuse-windows",
        &["fuse @large -o f.tif +short --train-size 256 --train-windows 2 --keep last -v --report r.json --trace t"],
    ),
    ("fuse-profile", &["fuse @a -o f.tif +short --profile", "fuse @a -o g.tif +short --profile -v --report r.json"]),
    ("fuse-plan", &["fuse @a -o f.tif +short --dump-plan"]),
    ("fuse-quiet", &["fuse @a -o f.tif +short -q"]),
    (
        "fuse-colours",
        &[
            "fuse in/wv3/pan.tif in/wv3/ms.tif -o f.tif --sensor wv3 --effort fast --rgb 7,6,5,8 --quicklook q --report r.html",
        ],
    ),
    // What the network adds to, the consistency step.
    ("base-none", &["fuse @a -o f.tif +short --base none --keep last"]),
    ("base-exp", &["fuse @a -o f.tif +short --base exp --keep last"]),
    ("base-brovey", &["fuse @a -o f.tif +short --base brovey --keep last"]),
    ("base-gsa", &["fuse @a -o f.tif +short --base gsa --keep last"]),
    ("base-fs", &["fuse @a -o f.tif +short --base mtf-glp-fs --keep last"]),
    ("base-hpm", &["fuse @a -o f.tif +short --base mtf-glp-hpm-r --keep last"]),
    ("base-bdsd", &["fuse @a -o f.tif +short --base bdsd-pc --keep last"]),
    ("consistency-off", &["fuse @a -o f.tif +short --consistency off --keep last"]),
    (
        "consistency-number",
        &["fuse @a -o f.tif +short --consistency 0.01", "fuse @a -o g.tif +short --consistency 1 --report r.json"],
    ),
    ("consistency-faithful", &["fuse @a -o f.tif +short --preset faithful --consistency auto"]),
    // Methods without training.
    ("method-exp", &["fuse @a -o f.tif --method exp --report r.json"]),
    ("method-brovey", &["fuse @a -o f.tif --method brovey --report r.json"]),
    ("method-gsa", &["fuse @a -o f.tif --method gsa --report r.html"]),
    (
        "method-fs",
        &["fuse @a -o f.tif --method mtf-glp-fs --report r.json", "fuse @c -o g.tif --method mtf-glp-fs --sensor qb"],
    ),
    ("method-hpm", &["fuse @a -o f.tif --method mtf-glp-hpm-r --report r.json"]),
    ("method-bdsd", &["fuse @a -o f.tif --method bdsd-pc --report r.json"]),
    (
        "method-tv",
        &[
            "fuse @a -o f.tif --method tv --report r.json --report r.html",
            "fuse @wv3 -o g.tif --method tv --sensor wv3",
        ],
    ),
    (
        "method-consistency",
        &["fuse @a -o f.tif --method gsa --consistency auto -v", "fuse @a -o g.tif --method brovey --consistency 0.5"],
    ),
    (
        "method-gaps",
        &[
            "fuse @gaps -o f.tif --method bdsd-pc",
            "fuse @gaps -o g.tif --method tv",
            "fuse @gaps -o h.tif --method mtf-glp-hpm-r --consistency 0.1",
        ],
    ),
    (
        "method-zs-pan",
        &[
            "fuse @a -o f.tif +cpu --method zs-pan --epochs 6 --full-epochs 2 --dam-epochs 1 --batch 3 --trace t --report r.json",
            "fuse @a -o g.tif +short --preset faithful --paradigm serial",
            "fuse @a -o h.tif +short --paradigm reduced --save-model h.safetensors",
            "fuse @a -o i.tif +short --preset faithful --paradigm full",
        ],
    ),
    (
        "train",
        &[
            "simulate -o many --count 3 --vary --size 96 --seed 5",
            "train --pairs many/pairs.jsonl -o p.safetensors +cpu --validation 3 --steps 6 --every 3 --patch 24 --patches 2 --width 8 --blocks 1 --base mtf-glp-fs",
            "infer --model p.safetensors @a -o f.tif +cpu",
            "fuse @a -o g.tif +cpu --init p.safetensors --width 8 --blocks 1 --base mtf-glp-fs --epochs 3 --dam-epochs 1 --frozen 1 --report r.json",
            "fuse @a -o h.tif +short --init p.safetensors",
            "train --pairs many/00000 -o q.safetensors +cpu --steps 2 --patch 512",
            "train --pairs pairs.txt -o q.safetensors +cpu",
            "train --pairs p.safetensors -o q.safetensors +cpu",
        ],
    ),
    ("method-faithful", &["fuse @small -o f.tif +short --method faithful --dump-plan"]),
    // Kinds of pairs.
    ("pair-u8", &["fuse @u8 -o f.tif +short --keep last --report r.json"]),
    ("pair-i16", &["fuse @i16 -o f.tif +short --keep last --report r.json"]),
    ("pair-f32", &["fuse @f32 -o f.tif +short --keep last --report r.json --report r.html"]),
    ("pair-one-band", &["fuse @one -o f.tif +short --keep last --report r.json --quicklook q"]),
    ("pair-eight-bands", &["fuse @wv3 -o f.tif +short --keep last --sensor wv3 --report r.json --quicklook q"]),
    ("pair-ratio-2", &["fuse @two -o f.tif +short --keep last --report r.json"]),
    ("pair-ratio-3", &["fuse @three -o f.tif +short --keep last --report r.json", "info @three"]),
    ("pair-ratio-8", &["fuse @eight -o f.tif --effort fast --report r.json"]),
    ("pair-odd", &["fuse @odd -o f.tif +short --keep last --report r.json", "info @odd"]),
    (
        "pair-extent",
        &[
            "fuse @narrow -o f.tif +short",
            "fuse @narrow -o g.tif +short --extent pan",
            "fuse @wide -o h.tif --effort fast --extent pan",
        ],
    ),
    ("pair-gaps", &["fuse @gaps -o f.tif +short --keep last --report r.json --report r.html --quicklook q"]),
    (
        "pair-gaps-stated",
        &[
            "fuse @unstated -o f.tif --effort fast --nodata 0",
            "fuse @gaps -o g.tif --effort fast --nodata none",
            "fuse @unstated -o h.tif --effort fast --nodata 0,none -v",
            "info @unstated",
        ],
    ),
    ("pair-mask", &["fuse @mask -o f.tif +short --report r.json", "info @mask --json"]),
    (
        "pair-alpha",
        &[
            "fuse @alpha -o f.tif --effort fast",
            "fuse @alpha -o e.tif --effort fast -q",
            "fuse @marked -o h.tif --effort fast -q",
            "info @alpha",
            "fuse @marked -o g.tif --effort fast",
            "info @marked",
        ],
    ),
    ("pair-hot", &["fuse @hot -o f.tif +short --report r.json", "info @hot"]),
    ("pair-units", &["fuse @units -o f.tif +short", "fuse @units -o g.tif --effort fast"]),
    (
        "pair-quiet",
        &[
            "fuse @hot -o f.tif --effort fast -q",
            "fuse @units -o g.tif --effort fast -q",
            "fuse @narrow -o h.tif --effort fast -q",
            "fuse @shifted -o i.tif --effort fast -q",
            "fuse @gaps -o j.tif --effort fast -q",
        ],
    ),
    ("pair-told", &["fuse @told -o f.tif --effort fast", "info @told --json"]),
    (
        "pair-shifted",
        &[
            "fuse @shifted -o f.tif --effort fast --coregister=auto -v --report r.json",
            "fuse @shifted -o g.tif --effort fast --coregister",
            "fuse @shifted -o h.tif --effort fast --coregister=off",
            "info @shifted --json",
        ],
    ),
    (
        "pair-shifted-trained",
        &[
            "fuse @shifted -o f.tif +short --coregister --save-model m.safetensors",
            "infer @shifted --model m.safetensors -o g.tif +cpu",
        ],
    ),
    (
        "pair-bare",
        &[
            "fuse @bare -o f.tif --effort fast --assume-aligned",
            "fuse @bare -o g.tif --effort fast --assume-aligned=centre",
            "info @bare",
        ],
    ),
    (
        "pair-stacked",
        &[
            "fuse --pan in/stack/pan.tif --ms in/stack/b1.tif in/stack/b2.tif in/stack/b3.tif in/stack/b4.tif -o f.tif +short --report r.json",
            "fuse --pan in/stack/pan.tif --ms in/stack/b4.tif --ms in/stack/b2.tif -o g.tif --effort fast",
        ],
    ),
    ("pair-packed", &["fuse @packed -o f.tif --effort fast", "info @packed"]),
    (
        "pair-beside",
        &[
            "fuse @beside -o f.tif --effort fast --report r.json",
            "info @beside --json",
            "fuse @beside -o in/beside/ms.tif.aux.xml --effort fast --overwrite",
        ],
    ),
    (
        "pair-bands",
        &[
            "fuse @wv3 -o f.tif --effort fast --ms-bands 5,3,2",
            "fuse @a -o g.tif --effort fast --bands NIR,Red --out-bands 2,1",
            "fuse @many -o h.tif --effort fast --ms-bands 17,1",
            "fuse @told -o i.tif --effort fast --bands Blue",
        ],
    ),
    // Products.
    (
        "product-landsat",
        &[
            "fuse in/landsat -o f.tif +short --report r.json",
            "fuse in/landsat -o g.tif --effort fast --bands B4,3",
            "info in/landsat",
            "info in/landsat --json",
            "degrade in/landsat -o d",
        ],
    ),
    (
        "product-maxar",
        &[
            "fuse in/maxar -o f.tif +short --report r.json",
            "info in/maxar",
            "fuse in/maxar -o g.tif --effort fast --sensor wv3",
        ],
    ),
    ("product-tiled", &["fuse in/tiled -o f.tif --effort fast --report r.json", "info in/tiled"]),
    ("product-gaofen", &["fuse in/gaofen -o f.tif --effort fast", "info in/gaofen"]),
    // How files are stored.
    ("store-default", &["fuse @wv3 -o f.tif --method exp --out-bands 1,2,3"]),
    (
        "store-none",
        &[
            "fuse @a -o f.tif --method gsa --co COMPRESS=NONE --co BLOCKSIZE=32",
            "fuse @a -o g.tif --method gsa --co compress=none --co BIGTIFF=YES --co OVERVIEWS=NONE",
        ],
    ),
    (
        "store-lzw",
        &[
            "fuse @a -o f.tif --method gsa --co COMPRESS=LZW",
            "fuse @f32 -o g.tif --method gsa --co COMPRESS=LZW --co PREDICTOR=NO",
        ],
    ),
    (
        "store-deflate",
        &[
            "fuse @a -o f.tif --method gsa --co COMPRESS=DEFLATE --co LEVEL=9 --co PREDICTOR=2 --co BLOCKSIZE=16",
            "fuse @f32 -o g.tif --method gsa --co PREDICTOR=FLOATING_POINT",
            "fuse @i16 -o h.tif --method gsa --co LEVEL=1 --co NUM_THREADS=1",
        ],
    ),
    (
        "store-zstd",
        &[
            "fuse @a -o f.tif --method gsa --co COMPRESS=ZSTD",
            "fuse @u8 -o g.tif --method gsa --co COMPRESS=ZSTD --co LEVEL=15 --co PREDICTOR=NO",
        ],
    ),
    (
        "store-packbits",
        &["fuse @u8 -o f.tif --method gsa --co COMPRESS=PACKBITS --co OVERVIEWS=AUTO --co BLOCKSIZE=16"],
    ),
    (
        "store-large",
        &[
            "simulate -o big --size 640 --height 560 --ratio 2 -q",
            "fuse big/pan.tif big/ms.tif -o f.tif --method brovey",
            "fuse big/pan.tif big/ms.tif -o g.tif --method brovey --max-memory 2M",
            "fuse big/pan.tif big/ms.tif -o h.tif --effort fast --max-memory 3M",
            "info big/pan.tif big/ms.tif",
        ],
    ),
    // Models and what a run leaves behind.
    (
        "model",
        &[
            "fuse @a -o f.tif +short --keep last --save-model m.safetensors --trace t",
            "infer @a --model m.safetensors -o g.tif +cpu",
            "infer @a --model m.safetensors -o h.tif +cpu --window 10,21,31,17",
            "infer @c --model m.safetensors -o i.tif +cpu --max-memory 1M -v",
            "infer @c --model m.safetensors -o j.tif +cpu --out-bands 4,2 --co COMPRESS=ZSTD",
            "infer @wv3 --model m.safetensors -o k.tif +cpu",
            "infer @a --model m.safetensors -o l.tif +cpu --window 60,0,10,10",
            "infer @two --model m.safetensors -o l.tif +cpu",
            "assess --fused g.tif --pan in/a/pan.tif --ms in/a/ms.tif --model m.safetensors",
        ],
    ),
    (
        "model-gaps",
        &[
            "fuse @gaps -o f.tif +short --keep last --save-model m.safetensors",
            "infer @gaps --model m.safetensors -o g.tif +cpu",
            "infer @plain --model m.safetensors -o h.tif +cpu -q",
        ],
    ),
    ("trace-faithful", &["fuse @a -o f.tif +short --preset faithful --trace t"]),
    (
        "resume",
        &[
            "interrupted fuse @a -o f.tif +short --epochs 150 --keep last --resume",
            "fuse @a -o f.tif +short --epochs 150 --keep last --resume --overwrite -q",
            "fuse @a -o g.tif +short --keep last --resume",
        ],
    ),
    ("resume-other", &["put f.tif.checkpoint nothing", "fuse @a -o f.tif +short --resume"]),
    (
        "gate",
        &[
            "fuse @c -o f.tif +short --quality-gate --report r.json",
            "fuse @c -o g.tif +short --quality-gate --preset paper --sensor qb --report r.html",
        ],
    ),
    (
        "overwrite",
        &[
            "put f.tif precious",
            "fuse @a -o f.tif --effort fast",
            "fuse @a -o f.tif --effort fast --overwrite --report f.tif",
            "fuse @a -o f.tif --effort fast --overwrite",
        ],
    ),
    // Judging.
    (
        "assess-truth",
        &[
            "assess --fused in/a/truth.tif --truth in/a/truth.tif --whole",
            "fuse @c -o f.tif --method gsa -q",
            "assess --fused f.tif --truth in/c/truth.tif --maps maps",
            "assess --fused f.tif --truth in/c/truth.tif --json --bit-depth 11 --ratio 2",
            "assess --fused f.tif --truth in/c/truth.tif --maps maps",
            "assess --fused f.tif --truth in/c/truth.tif --maps maps --overwrite -v",
        ],
    ),
    (
        "assess-pair",
        &[
            "fuse @c -o f.tif --method bdsd-pc -q",
            "assess --fused f.tif --pan in/c/pan.tif --ms in/c/ms.tif --sensor qb --maps maps",
            "assess --fused f.tif --pan in/c/pan.tif --ms in/c/ms.tif --json --phase true",
            "assess --fused f.tif --pan in/c/pan.tif --ms in/c/ms.tif --mtf-gains 0.2,0.2,0.3,0.3 --pan-gain 0.2 -v",
            "assess --fused f.tif --pan in/c/pan.tif --ms in/c/ms.tif --ms-bands 1,2",
        ],
    ),
    (
        "assess-gaps",
        &[
            "fuse @corner -o f.tif --effort fast -q",
            "assess --fused f.tif --pan in/corner/pan.tif --ms in/corner/ms.tif --maps maps",
            "assess --fused f.tif --truth f.tif --whole --json",
            "fuse @gaps -o g.tif --effort fast -q",
            "assess --fused g.tif --pan in/gaps/pan.tif --ms in/gaps/ms.tif",
        ],
    ),
    (
        "assess-landsat",
        &[
            "fuse in/landsat -o f.tif --effort fast -q",
            "assess --fused f.tif --pan in/landsat/LC08_L1TP_203032_20260710_20260718_02_T1_B8.TIF --ms in/landsat/LC08_L1TP_203032_20260710_20260718_02_T1_B2.TIF in/landsat/LC08_L1TP_203032_20260710_20260718_02_T1_B3.TIF",
            "fuse in/landsat -o g.tif --effort fast --bands B2,B3 -q",
            "assess --fused g.tif --pan in/landsat/LC08_L1TP_203032_20260710_20260718_02_T1_B8.TIF --ms in/landsat/LC08_L1TP_203032_20260710_20260718_02_T1_B2.TIF in/landsat/LC08_L1TP_203032_20260710_20260718_02_T1_B3.TIF",
        ],
    ),
    (
        "compare",
        &[
            "compare @c --methods exp,brovey,gsa,mtf-glp-fs,mtf-glp-hpm-r,bdsd-pc,tv",
            "compare @c --methods gsa,tv --json --sensor qb --phase true",
            "compare @c +short --methods exp,trapan",
        ],
    ),
    (
        "compare-others",
        &[
            "compare @corner --methods brovey,tv,mtf-glp-fs",
            "compare in/landsat --methods gsa,bdsd-pc,exp",
            "compare in/landsat --methods gsa --json",
        ],
    ),
    (
        "experiment",
        &[
            "experiment @small -o runs.jsonl +short --studies sampling,order --seeds 2",
            "experiment @small -o runs.jsonl +short --studies order --seeds 1 --json",
        ],
    ),
    // Other commands.
    (
        "degrade",
        &[
            "degrade @a -o d",
            "degrade @a -o d",
            "degrade @wv3 -o e --mtf-gains 0.3,0.25 --pan-gain 0.2 --ms-bands 1,4",
            "degrade @gaps -o f -v",
            "degrade @shifted -o g --coregister",
            "degrade @three -o h",
        ],
    ),
    (
        "simulate",
        &[
            "simulate -o s --size 64 --bands 8 --ratio 8 -v",
            "simulate -o s --size 64",
            "simulate -o s --size 64 --seed 7 --overwrite",
            "simulate -o t --size 65",
            "simulate -o t --size 64 --bands 5",
        ],
    ),
    ("demo", &["demo -o d --size 64 +short"]),
    (
        "info",
        &[
            "info @a",
            "info @a --json",
            "info @gaps",
            "info @u8 --json",
            "info @f32",
            "info @i16 -v",
            "info @wv3 --ms-bands 1,2",
        ],
    ),
    (
        "info-fails",
        &[
            "info @half",
            "info @half --json",
            "info --pan in/plain/pan.tif --ms in/plain/else.tif",
            "info @constant",
            "info --pan in/plain/pan.tif --ms in/plain/cut.tif",
        ],
    ),
    ("selftest", &["selftest +cpu", "devices"]),
    (
        "help",
        &[
            "--version",
            "--help",
            "fuse --help",
            "fuse -h",
            "infer --help",
            "assess --help",
            "degrade --help",
            "compare --help",
            "info --help",
            "simulate --help",
            "demo --help",
            "experiment --help",
            "selftest --help",
            "bench --help",
            "devices --help",
            "",
            "fuse",
        ],
    ),
    // What is refused.
    (
        "usage",
        &[
            "fuse @a -o f.tif --sensor hubble",
            "fuse @a -o f.tif --device abacus",
            "fuse @a -o f.tif +cpu --batch 11",
            "fuse @a -o f.tif +cpu --lr-full nan",
            "fuse @a -o f.tif +cpu --mtf-gains 0.3,0.3",
            "fuse @a -o f.tif +cpu --pan-gain 1.5",
            "fuse @a -o f.tif +cpu --co COMPRESS=JPEG",
            "fuse @a -o f.tif +cpu --co PREDICTOR=3",
            "fuse @a -o f.tif +cpu --co TILED",
            "fuse @a -o f.tif +cpu --rgb 1,2,5 --report r.html",
            "fuse @a -o f.tif +cpu --rgb 1,2 --report r.html",
            "fuse @a -o f.tif +cpu --out-bands 1,9",
            "fuse @a -o f.tif +cpu --max-memory much",
            "fuse @a -o f.tif +cpu --sides 9",
            "fuse @a -o f.tif +cpu --consistency -1",
            "fuse @a -o f.tif +cpu --nodata x",
            "fuse @a -o f.tif +cpu --bands Ultraviolet",
            "fuse @a -o f.tif --method gsa --resume",
            "fuse @c -o f.tif --effort fast --compare",
            "fuse @a -o f.tif --effort fast --save-model m.safetensors",
            "fuse @a -o f.tif --effort fast --preset paper",
            "fuse in/a/pan.tif -o f.tif",
            "fuse @a -o f.tif +cpu -q -v",
            "infer @a -o f.tif",
            "assess --fused in/a/truth.tif",
            "compare @c --methods sharpest",
            "simulate",
            "sharpen",
        ],
    ),
    (
        "unreadable",
        &[
            "fuse in/plain/pan.tif in/nowhere.tif -o f.tif",
            "fuse in/plain/pan.tif in/plain/text.tif -o f.tif",
            "fuse in/plain/pan.tif in/plain/cut.tif -o f.tif +cpu",
            "fuse in/plain/pan.tif in/plain/jpeg.tif -o f.tif",
            "fuse in/plain/pan.tif in/plain/palette.tif -o f.tif",
            "fuse @empty -o f.tif --effort fast",
            "fuse @constant -o f.tif --effort fast",
            "fuse @many -o f.tif --effort fast",
            "fuse in/level2 -o f.tif",
            "fuse in/plain -o f.tif",
            "fuse in/landsat -o f.tif --bands B11",
            "infer @a --model in/plain/model.safetensors -o f.tif +cpu",
            "infer @a --model in/none.safetensors -o f.tif +cpu",
            "assess --fused in/plain/text.tif --truth in/a/truth.tif",
        ],
    ),
    (
        "unfit",
        &[
            "fuse @a -o f.tif +cpu --sensor wv3",
            "fuse in/a/ms.tif in/a/pan.tif -o f.tif",
            "fuse in/a/truth.tif in/a/ms.tif -o f.tif",
            "fuse in/a/pan.tif in/a/truth.tif -o f.tif",
            "fuse @bare -o f.tif",
            "fuse in/plain/pan.tif in/plain/else.tif -o f.tif",
            "fuse in/plain/pan.tif in/plain/turned.tif -o f.tif",
            "fuse --pan in/stack/pan.tif --ms in/stack/b1.tif in/stack/pan.tif -o f.tif",
            "fuse @a -o f.tif +short --compare",
            "fuse @plain -o f.tif --effort fast --coregister",
            "assess --fused in/a/truth.tif --truth in/wv3/truth.tif",
            "assess --fused in/a/truth.tif --pan in/c/pan.tif --ms in/c/ms.tif",
            "compare @a",
            "experiment @a -o runs.jsonl +short",
        ],
    ),
    (
        "no-device",
        &[
            "fuse @a -o f.tif --device gpu:99",
            "fuse @a -o f.tif --device gpu",
            "fuse @a -o f.tif +cpu --precision f16",
            "selftest +cpu --convolution direct",
            "bench --device software",
        ],
    ),
    (
        "no-memory",
        &[
            "assess --fused in/plain/vast.tif --truth in/plain/vast.tif --whole",
            "assess --fused in/plain/bomb.tif --truth in/plain/bomb.tif",
            "fuse @c -o g.tif --method gsa --max-memory 1",
            "fuse @c -o h.tif --method tv --max-memory 1K",
        ],
    ),
    (
        "diverged",
        &[
            "fuse @a -o f.tif +cpu --epochs 4 --dam-epochs 1 --warm-up-epochs 1 --width 8 --blocks 1 --lr-full 1e30 --full-probability 1 --resume",
        ],
    ),
    (
        "output",
        &[
            "fuse @a -o no/such/f.tif +cpu",
            "fuse @a -o f.tif +cpu --report in/a/pan.tif",
            "fuse @a -o f.tif +cpu --trace in/a/pan.tif",
            "fuse @a -o in/a/ms.tif +cpu --overwrite",
            "fuse @a -o f.tif +cpu --report f.tif",
            "fuse @a -o f.tif +cpu --save-model f.tif",
            "mkdir taken",
            "put taken/report.json precious",
            "put taken/m.safetensors precious",
            "put taken/pan.png precious",
            "put taken/config.json precious",
            "fuse @a -o f.tif +short --report taken/report.json",
            "fuse @a -o f.tif +short --save-model taken/m.safetensors",
            "fuse @a -o f.tif +short --quicklook taken",
            "fuse @a -o f.tif +short --trace taken",
            "mkdir folder",
            "fuse @a -o folder +cpu --overwrite",
            "put runs.jsonl broken\\n",
            "experiment @small -o runs.jsonl +short --studies order --seeds 1",
        ],
    ),
];
