//! Seeds.

use crate::cluster::run;

#[test]
fn a_few() {
    for seed in 0..2000 {
        let run = run(seed, |_| {});
        if !run.violations.is_empty() { println!("{seed}: {} {:?}", run.acked, run.faults); }
        for violation in &run.violations {
            println!("   {violation}");
        }
    }
}

#[test]
fn one() {
    let seed = std::env::var("STONECHAT_SIM_SEED").map_or(0, |seed| seed.parse().unwrap());
    let run = run(seed, |_| {});
    for violation in &run.violations {
        println!("   {violation}");
    }
}
