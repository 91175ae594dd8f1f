//! Settings as JSON, as models and reports keep them: read, checked, written back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trapan::method::Config;

fuzz_target!(|bytes: &[u8]| {
    let Ok(config) = serde_json::from_slice::<Config>(bytes) else { return };
    for bands in [1, 4, 8] {
        let _ = config.check(bands);
    }
    let text = serde_json::to_string(&config).expect("settings are plain values");
    let again: Config = serde_json::from_str(&text).expect("what was written is read");
    assert_eq!(text, serde_json::to_string(&again).expect("settings are plain values"));
});
