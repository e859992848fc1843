//! The API's description as people have it: what changes there changes for every client.
//!
//! `DOSEBENCH_BLESS=1 cargo test -p server` writes it again; review it like code.

use std::path::Path;

#[test]
fn the_description_in_the_repository_is_that_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let description = server::description() + "\n";
    if std::env::var_os("DOSEBENCH_BLESS").is_some() {
        std::fs::write(&path, &description).expect("written");
    }
    let kept = std::fs::read_to_string(&path).expect("openapi.json");
    assert!(
        kept == description,
        "expected bench/server/openapi.json as the code has it; bless it and look at what changed"
    );
}
