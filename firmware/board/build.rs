//! Hands the linker the board's memories.
//!
//! It owns nothing else. It must not put anything into the image that differs from machine to machine.

use std::path::PathBuf;
use std::{env, fs};

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo names a folder for what is made"));
    fs::write(out.join("memory.x"), include_bytes!("memory.x")).expect("the folder can be written");
    // The vector table in `interrupts` names its handlers itself.
    fs::write(out.join("device.x"), b"").expect("the folder can be written");
    println!("cargo:rustc-link-search={}", out.display());
    println!("cargo:rerun-if-changed=memory.x");
    println!("cargo:rerun-if-changed=build.rs");
}
