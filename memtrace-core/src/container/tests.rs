use proptest::prelude::{any, prop_assert_eq, proptest};

use super::{
    Container, ContainerPattern, PodUid, RUNTIMES,
    table::{ID_PATTERNS, PARENTS, PREFIXES},
};

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const POD: &str = "8f0c1d2e-3a4b-5c6d-7e8f-90a1b2c3d4e5";

/// Path, then runtime, id, pod and unit; `ID`, `POD` and `P_D` (with underscores) are placeholders.
const PATHS: &[(&str, [&str; 4])] = &[
    ("/docker/ID", ["docker", "ID", "", ""]),
    ("/system.slice/docker-ID.scope", ["docker", "ID", "", ""]),
    ("/system.slice/docker-ID.scope (deleted)", ["docker", "ID", "", ""]),
    ("/system.slice:docker:ID", ["docker", "ID", "", ""]),
    ("/system.slice/docker-ID.scope/system.slice/nginx.service", ["docker", "ID", "", "nginx.service"]),
    ("/default/ID", ["containerd", "ID", "", ""]),
    ("/k8s.io/ID", ["containerd", "ID", "", ""]),
    ("/system.slice/nerdctl-ID.scope", ["containerd", "ID", "", ""]),
    ("/machine.slice/libpod-ID.scope", ["podman", "ID", "", ""]),
    ("/machine.slice/libpod-ID.scope/container", ["podman", "ID", "", ""]),
    ("/libpod_parent/libpod-ID", ["podman", "ID", "", ""]),
    ("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope", ["podman", "ID", "", ""]),
    ("/machine.slice/libpod-conmon-ID.scope", ["", "", "", "libpod-conmon-ID.scope"]),
    ("/kubepods/burstable/podPOD/ID", ["", "ID", "POD", ""]),
    ("/kubepods/podPOD/ID", ["", "ID", "POD", ""]),
    ("/kubepods/besteffort/podPOD", ["", "", "POD", ""]),
    ("/kubepods/burstable/podPOD/crio-ID", ["cri-o", "ID", "POD", ""]),
    (
        "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podP_D.slice/cri-containerd-ID.scope",
        ["containerd", "ID", "P_D", ""],
    ),
    ("/kubepods.slice/kubepods-podP_D.slice/crio-ID.scope", ["cri-o", "ID", "P_D", ""]),
    ("/kubepods.slice/kubepods-podP_D.slice/crio-conmon-ID.scope", ["", "", "P_D", "crio-conmon-ID.scope"]),
    ("/kubepods-besteffort-podP_D.slice:cri-containerd:ID", ["containerd", "ID", "", ""]),
    ("/kubepods/burstable/pod0123456789abcdef0123456789abcdef/ID", ["", "ID", "0123456789abcdef0123456789abcdef", ""]),
    ("/docker/ID/kubelet/kubepods/burstable/podPOD/ID/child", ["", "ID", "POD", ""]),
    (
        "/docker/ID/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-podP_D.slice/cri-containerd-ID.scope",
        ["containerd", "ID", "P_D", ""],
    ),
    ("/lxc.payload.web/init.scope", ["lxc", "web", "", "init.scope"]),
    ("/lxc.monitor.web", ["", "", "", ""]),
    ("/machine.slice/machine-build.scope", ["nspawn", "build", "", ""]),
    ("/machine.slice/systemd-nspawn@build.service/payload", ["nspawn", "build", "", ""]),
    ("/system.slice/nginx.service", ["", "", "", "nginx.service"]),
    ("/system.slice/dev-disk-by\\x2dlabel-a.swap", ["", "", "", "dev-disk-by\\x2dlabel-a.swap"]),
    ("/user.slice/user-1000.slice/user@1000.service/app.slice/app-firefox.scope", ["", "", "", "app-firefox.scope"]),
    ("/init.scope", ["", "", "", "init.scope"]),
    ("/system.slice", ["", "", "", ""]),
    ("/", ["", "", "", ""]),
    ("", ["", "", "", ""]),
    ("/builds/ID", ["", "", "", ""]),
    ("/podPOD", ["", "", "", ""]),
    ("/docker/0123abc", ["", "", "", ""]),
    ("/system.slice/docker.service", ["", "", "", "docker.service"]),
    ("/system.slice/docker-0123.scope", ["", "", "", "docker-0123.scope"]),
    ("/kubepods/burstable/pod-not-a-uid/x", ["", "", "", ""]),
];

fn spelled(text: &str) -> String {
    text.replace("ID", ID).replace("POD", POD).replace("P_D", &POD.replace('-', "_"))
}

#[test]
fn every_path_of_the_table_is_what_it_is() {
    for (path, want) in PATHS {
        let path = spelled(path);
        let found = Container::of(path.as_bytes()).unwrap_or_default();
        let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
        let got = [found.runtime.unwrap_or_default().to_owned(), text(found.id), text(found.pod), text(found.unit)];
        assert_eq!(got, want.map(spelled), "{path}");
        assert_eq!(Container::of(path.as_bytes()).is_none(), want.iter().all(|part| part.is_empty()), "{path}");
    }
}

#[test]
fn a_short_name_is_what_the_tools_show() {
    let short = |path: &str| Container::of(spelled(path).as_bytes()).map(|found| found.short());
    assert_eq!(short("/docker/ID").as_deref(), Some(b"docker:0123456789ab".as_slice()));
    assert_eq!(short("/kubepods/podPOD/ID").as_deref(), Some(b"pod:8f0c1d2e/0123456789ab".as_slice()));
    assert_eq!(short("/kubepods.slice/kubepods-podP_D.slice").unwrap(), spelled("pod:POD").into_bytes());
    assert_eq!(short("/system.slice/nginx.service").as_deref(), Some(b"nginx.service".as_slice()));
}

#[test]
fn a_pattern_is_the_beginning_of_an_id_a_pod_or_a_unit() {
    let matches =
        |pattern: &str, path: &str| ContainerPattern::parse(pattern).unwrap().matches(spelled(path).as_bytes());
    assert!(matches("0123", "/docker/ID") && matches("docker:0123456789ab", "/docker/ID"));
    assert!(matches("containerd://0123456789ab", "/k8s.io/ID") && !matches("4567", "/docker/ID"));
    assert!(matches("8f0c1d2e-3a", "/kubepods.slice/kubepods-podP_D.slice/crio-ID.scope"));
    assert!(
        matches("nginx.service", "/system.slice/nginx.service") && !matches("nginx", "/system.slice/nginx.service")
    );
    assert!(!matches("0123", "/builds/ID"));
    // A unit may have a colon in its name.
    assert!(matches("dbus-:1.2-org.a@0.service", "/user.slice/dbus-:1.2-org.a@0.service"));
    // A short name can be pasted as a pattern, and a trace gives back the pattern that it stores.
    for (path, _) in PATHS {
        let Some(short) = Container::of(spelled(path).as_bytes()).map(|found| found.short()) else { continue };
        let pattern = ContainerPattern::parse(&String::from_utf8(short).unwrap()).unwrap();
        assert!(pattern.matches(spelled(path).as_bytes()), "{pattern:?} for {path}");
        let kept = String::from_utf8(pattern.as_bytes().to_vec()).unwrap();
        assert_eq!(ContainerPattern::parse(&kept), Ok(pattern));
    }
    let pod = "/kubepods/burstable/podPOD/ID";
    assert!(matches("8f0c1d2e/0123", pod) && !matches("8f0c1d2e/4567", pod) && !matches("ffffffff/0123", pod));
    assert!(ContainerPattern::parse("ab").is_err() && ContainerPattern::parse("docker:ab").is_err());
}

proptest! {
    #[test]
    fn any_path_gives_an_answer(path in any::<Vec<u8>>()) {
        let _ = Container::of(&path).map(|found| found.short());
    }

    #[test]
    fn what_is_below_a_container_belongs_to_it(at in 0..PATHS.len(), child in "[a-z]{1,20}") {
        let path = spelled(PATHS[at].0).replace(" (deleted)", "");
        let below = format!("{path}/{child}");
        let of = |path: &str| Container::of(path.as_bytes()).map(|found| (found.runtime, found.pod_uid().map(PodUid::bytes), found.id.map(<[u8]>::to_vec)));
        prop_assert_eq!(of(&path), of(&below));
    }
}

#[test]
fn each_runtime_of_the_table_is_listed_and_the_other_way_round() {
    let tables = PARENTS.iter().chain(&PREFIXES).map(|(_, runtime)| *runtime);
    let found: std::collections::BTreeSet<&str> =
        ID_PATTERNS.iter().map(|pattern| pattern.runtime).chain(tables).collect();
    assert_eq!(found, RUNTIMES.into());
}
