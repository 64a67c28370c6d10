//! The balancer is reloaded and dies; the nodes behind it stay.

use crate::common::cluster::Cluster;
use crate::common::crowd::Crowd;
use crate::common::mariadb::MariaDb;
use crate::suite::{CLIENTS, Suite, rounds};

#[test]
fn nginx_is_reloaded_and_dies() {
    let mut suite = Suite::start("nginx");
    let database = MariaDb::start();
    let mut cluster = Cluster::start(&database.url("nginx"), 2, &["store.timeout_ms=2000"]);
    let crowd = Crowd::start(&[cluster.entry()], CLIENTS);
    for _ in 0..rounds() {
        suite.struck("reload");
        let before = crowd.logins();
        cluster.nginx.reload();
        suite.healed(&crowd);
        assert_eq!(crowd.logins(), before, "a reload ends no session");

        suite.struck("reload, then everybody comes back");
        cluster.nginx.reload();
        crowd.hang_up(CLIENTS);
        suite.healed(&crowd);

        suite.struck("SIGKILL");
        cluster.nginx.kill();
        cluster.nginx.restart();
        suite.healed(&crowd);
    }
    suite.finish(crowd);
}
