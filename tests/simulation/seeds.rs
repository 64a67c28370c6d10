//! Seeds.

use crate::cluster::run;

#[test]
fn a_few() {
    for seed in 0..50 {
        let run = run(seed, |_| {});
        println!("{seed}: {} {:?}", run.acked, run.faults);
        for violation in &run.violations {
            println!("   {violation}");
        }
    }
}
