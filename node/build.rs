//! Makes the gRPC code of every file in `proto/`; no protoc is needed.

use std::error::Error;
use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;

const FOLDER: &str = "../proto";

fn main() -> Result<(), Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(FOLDER)? {
        let path: PathBuf = entry?.path();
        if path.extension() == Some(OsStr::new("proto")) {
            files.push(path);
        }
    }
    files.sort();
    let descriptors = protox::compile(&files, [FOLDER])?;
    tonic_prost_build::configure().bytes(".").compile_fds(descriptors)?;
    println!("cargo::rerun-if-changed={FOLDER}");
    for file in files {
        println!("cargo::rerun-if-changed={}", file.display());
    }
    Ok(())
}
