//! libFuzzer around one target: `tests/fuzz/run` builds it and says how it is called.
//!
//! `SMSC_FUZZ_TARGET` names the target. `SMSC_FUZZ_LIST` prints all names, `SMSC_FUZZ_SEEDS=FOLDER` writes the target's
//! seeds there; both then end the process.

#![no_main]

use std::path::Path;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use smsc_fuzz::{TARGETS, Target};

static TARGET: OnceLock<&'static Target> = OnceLock::new();

fuzz_target!(
    init: {
        if std::env::var_os("SMSC_FUZZ_LIST").is_some() {
            TARGETS.iter().for_each(|target| println!("{}", target.name));
            std::process::exit(0);
        }
        let target = chosen();
        if let Some(folder) = std::env::var_os("SMSC_FUZZ_SEEDS") {
            write_seeds(target, Path::new(&folder));
            std::process::exit(0);
        }
    },
    |octets: &[u8]| (TARGET.get_or_init(chosen).run)(octets)
);

fn chosen() -> &'static Target {
    let name = std::env::var("SMSC_FUZZ_TARGET").expect("SMSC_FUZZ_TARGET names a target");
    smsc_fuzz::target(&name).unwrap_or_else(|| panic!("there is no target {name:?}"))
}

fn write_seeds(target: &Target, folder: &Path) {
    std::fs::create_dir_all(folder).expect("the folder of the seeds can be made");
    for (number, seed) in (target.seeds)().iter().enumerate() {
        std::fs::write(folder.join(format!("seed-{number:03}")), seed).expect("a seed can be written");
    }
}
