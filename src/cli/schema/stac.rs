//! Of STAC items: as much of STAC 1.1 as `fuse --stac` writes.

use super::Type;
use super::Type::{Any, Either, List, Maybe, Name, Number, Object, Perhaps, Several, Text, Whole};

const GEOMETRY: Type = Object(&[
    ("type", Name(&["Polygon"]), "always"),
    ("coordinates", List(&List(&Several(2, &Number))), "one closed ring"),
]);

const PROPERTIES: Type = Object(&[
    ("datetime", Maybe(&Text), "when the images were taken; null where it was from start_datetime to end_datetime"),
    ("start_datetime", Perhaps(&Text), "from when"),
    ("end_datetime", Perhaps(&Text), "to when"),
    ("platform", Perhaps(&Any), "as the input's item says"),
    ("instruments", Perhaps(&Any), "as the input's item says"),
    ("constellation", Perhaps(&Any), "as the input's item says"),
    ("mission", Perhaps(&Any), "as the input's item says"),
    ("processing:lineage", Text, "names of the files, and the method"),
    ("processing:software", Object(&[("trapan", Text, "its version")]), "what made it"),
    ("proj:code", Perhaps(&Maybe(&Text)), "coordinate system, as EPSG:32633; null of one without a code"),
    ("proj:shape", Perhaps(&Several(2, &Whole)), "rows and columns"),
    ("proj:transform", Perhaps(&Several(6, &Number)), "map from columns and rows to coordinates, by rows"),
]);

const BAND: Type = Object(&[
    ("name", Text, "as the file calls it, else by its number"),
    ("eo:common_name", Perhaps(&Text), "its colour, where the file names one"),
]);

const ASSET: Type = Object(&[
    ("href", Text, "the image, as seen from the item"),
    ("type", Text, "its media type"),
    ("title", Text, "what it is"),
    ("roles", List(&Text), "data"),
    ("data_type", Name(&["uint8", "uint16", "int16", "float32"]), "type of its values"),
    ("nodata", Perhaps(&Either(&[Number, Name(&["nan"])])), "value of pixels without data"),
    ("bands", List(&BAND), "its bands"),
    ("file:size", Whole, "bytes"),
    ("file:checksum", Text, "SHA-256 as a multihash: 1220, then 64 hexadecimal digits"),
]);

/// Of `fuse --stac`.
pub(super) const ITEM: Type = Object(&[
    ("type", Name(&["Feature"]), "always"),
    ("stac_version", Name(&["1.1.0"]), "version of STAC"),
    ("stac_extensions", List(&Text), "schemas of its extensions"),
    ("id", Text, "name of the image without its suffix"),
    (
        "geometry",
        Maybe(&GEOMETRY),
        "outline in longitude and latitude; null where the coordinate system takes more than a formula",
    ),
    ("bbox", Perhaps(&Several(4, &Number)), "west, south, east, north of the outline"),
    ("properties", PROPERTIES, "what is known of it"),
    (
        "links",
        List(&Object(&[
            ("rel", Name(&["derived_from"]), "always"),
            ("href", Text, "item"),
            ("type", Text, "its media type"),
        ])),
        "the item that it came of, if one named the images",
    ),
    ("assets", Object(&[("pansharpened", ASSET, "the image")]), "what it is of"),
]);
