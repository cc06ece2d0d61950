//! The manifests in `deploy/kubernetes`, held against the program and each other.

use std::collections::BTreeMap;

use graph_mirror::config::{BlobPlace, Environment, PublicUrl, Settings, variables};
use graph_mirror::home::HomeSettings;
use serde_json::Value;

use super::files::{is_a_command, is_ours, members, path, paths, text, words, yaml};
use super::image;
use crate::cli::run::RIGHT;

/// The service is gone so soon after it was told to stop (`src/cli/serve.rs`).
const STOPS_WITHIN: u64 = 10;

fn manifest(name: &str) -> Value {
    let mut documents = yaml(&format!("deploy/kubernetes/{name}"));
    assert_eq!(documents.len(), 1, "{name}");
    documents.remove(0)
}

fn data(of: &Value, member: &str) -> BTreeMap<String, String> {
    members(&of[member])
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.as_str().expect("a text").to_owned()))
        .collect()
}

fn number(of: &Value) -> u64 {
    of.as_u64().expect("a number")
}

#[test]
fn config_map_and_secret_name_variables_of_the_program_and_hold_once_they_are_filled() {
    let settings = data(&manifest("configmap.yaml"), "data");
    let secrets = data(&manifest("secret.example.yaml"), "stringData");
    for name in settings.keys().chain(secrets.keys()) {
        assert!(is_ours(name), "the program does not know {name}");
    }
    for variable in variables::ALL {
        let name = variable.name;
        assert!(
            !variable.is_secret || !settings.contains_key(name),
            "{name} is a secret"
        );
        assert!(
            !variable.is_required || secrets.contains_key(name) || settings.contains_key(name),
            "{name} is missing"
        );
    }
    assert!(secrets.values().all(String::is_empty), "it is a template");

    let environment = Environment::of(settings)
        .or("DATABASE_URL", "postgres://user:hidden@host/database")
        .or(RIGHT[0].0, RIGHT[0].1)
        .or(RIGHT[1].0, RIGHT[1].1)
        .or(RIGHT[2].0, RIGHT[2].1);
    let read = Settings::read(&environment).expect("the settings hold");

    let PublicUrl::Fixed(url) = read.server.public_url else {
        panic!("the cluster has an address");
    };
    let ingress = manifest("ingress.yaml");
    assert_eq!(ingress["spec"]["rules"][0]["host"].as_str(), url.host_str());
    assert_eq!(
        ingress["spec"]["tls"][0]["hosts"][0],
        ingress["spec"]["rules"][0]["host"]
    );
}

#[test]
fn the_deployment_runs_what_the_image_holds() {
    let image = image::read();
    let deployment = manifest("deployment.yaml");
    let pod = &deployment["spec"]["template"]["spec"];
    let container = &pod["containers"][0];

    assert!(
        container["command"].is_null(),
        "the image knows its program"
    );
    is_a_command(&words(&container["args"]));
    let settings = data(&manifest("configmap.yaml"), "data");
    let (_, port) = settings["LISTEN"].rsplit_once(':').expect("a port");
    assert_eq!(container["ports"][0]["containerPort"].to_string(), port);
    let name = &container["ports"][0]["name"];
    for (probe, at) in [
        ("startupProbe", "/healthz"),
        ("readinessProbe", "/readyz"),
        ("livenessProbe", "/healthz"),
    ] {
        let get = &container[probe]["httpGet"];
        assert_eq!(get["path"], at, "{probe}");
        assert!(paths().contains(&at.to_owned()), "{at}");
        assert_eq!(get["port"], *name, "{probe}");
    }
    let mounts: Vec<&str> = container["volumeMounts"]
        .as_array()
        .expect("mounts")
        .iter()
        .filter_map(|mount| mount["mountPath"].as_str())
        .collect();
    assert_eq!(mounts, ["/tmp", &image.data]);
    let volumes = pod["volumes"].as_array().expect("volumes");
    for mount in container["volumeMounts"].as_array().expect("mounts") {
        assert!(volumes.iter().any(|volume| volume["name"] == mount["name"]));
    }
    let security = &container["securityContext"];
    assert_eq!(security["readOnlyRootFilesystem"], true);
    assert_eq!(security["allowPrivilegeEscalation"], false);
    assert_eq!(words(&security["capabilities"]["drop"]), ["ALL"]);
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    let user = format!(
        "USER {}:{}",
        pod["securityContext"]["runAsUser"], pod["securityContext"]["runAsGroup"]
    );
    assert!(text("Dockerfile").contains(&user), "{user}");
    let sources = container["envFrom"].as_array().expect("sources");
    for (source, name) in [
        ("configMapRef", "configmap.yaml"),
        ("secretRef", "secret.example.yaml"),
    ] {
        let wanted = &manifest(name)["metadata"]["name"];
        assert!(
            sources.iter().any(|from| from[source]["name"] == *wanted),
            "{source}"
        );
    }
}

#[test]
fn contents_lie_on_a_volume_that_all_replicas_share() {
    let settings = data(&manifest("configmap.yaml"), "data");
    let place = BlobPlace::parse(&settings["BLOBS_URL"]).expect("it is a place");
    let BlobPlace::Folder(folder) = place else {
        panic!("the manifests stand for a volume: {place:?}");
    };
    let deployment = manifest("deployment.yaml");
    let pod = &deployment["spec"]["template"]["spec"];
    let mounts = pod["containers"][0]["volumeMounts"]
        .as_array()
        .expect("mounts");
    let mount = mounts
        .iter()
        .filter(|mount| folder.starts_with(mount["mountPath"].as_str().expect("a path")))
        .max_by_key(|mount| mount["mountPath"].as_str().map(str::len))
        .expect("BLOBS_URL lies on no volume");
    assert_ne!(mount["readOnly"], true);
    // One folder for all of them, not one for each pod.
    assert!(mount["subPathExpr"].is_null());
    let volumes = pod["volumes"].as_array().expect("volumes");
    let volume = volumes
        .iter()
        .find(|volume| volume["name"] == mount["name"])
        .expect("it is a volume of the pod");

    let claim = manifest("persistentvolumeclaim.yaml");

    assert_eq!(
        volume["persistentVolumeClaim"]["claimName"],
        claim["metadata"]["name"]
    );
    assert_eq!(words(&claim["spec"]["accessModes"]), ["ReadWriteMany"]);
}

#[test]
fn a_replica_stops_within_its_grace_and_before_its_leases_end() {
    let deployment = manifest("deployment.yaml");
    let pod = &deployment["spec"]["template"]["spec"];
    let before = number(&pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]);
    let grace = number(&pod["terminationGracePeriodSeconds"]);

    assert!(before + STOPS_WITHIN <= grace, "it would be killed");
    assert!(
        grace < HomeSettings::default().lease.as_secs(),
        "others would take over what it still holds"
    );
    let rolling = &deployment["spec"]["strategy"]["rollingUpdate"];
    assert_eq!(number(&rolling["maxUnavailable"]), 0);
    assert!(number(&rolling["maxSurge"]) > 0);
}

#[test]
fn service_ingress_and_budget_lead_to_the_pods_and_the_ingress_only_to_what_is_for_the_world() {
    let deployment = manifest("deployment.yaml");
    let labels = &deployment["spec"]["template"]["metadata"]["labels"];
    let replicas = number(&deployment["spec"]["replicas"]);
    let service = manifest("service.yaml");
    let budget = manifest("poddisruptionbudget.yaml");

    assert_eq!(deployment["spec"]["selector"]["matchLabels"], *labels);
    assert_eq!(service["spec"]["selector"], *labels);
    assert_eq!(budget["spec"]["selector"]["matchLabels"], *labels);
    assert!(number(&budget["spec"]["maxUnavailable"]) < replicas);
    let port = &service["spec"]["ports"][0];
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(port["targetPort"], container["ports"][0]["name"]);
    let ingress = manifest("ingress.yaml");
    let led: Vec<Value> = ingress["spec"]["rules"][0]["http"]["paths"]
        .as_array()
        .expect("paths")
        .clone();
    for way in &led {
        let to = &way["backend"]["service"];
        assert_eq!(to["name"], service["metadata"]["name"]);
        assert_eq!(to["port"]["name"], port["name"]);
    }
    let is_led = |path: &str| {
        led.iter()
            .filter_map(|way| way["path"].as_str())
            .any(|prefix| path.starts_with(&format!("{prefix}/")))
    };
    for path in paths() {
        let is_for_the_world = path.starts_with("/api/") || path.starts_with("/webhooks/");
        assert_eq!(is_led(&path), is_for_the_world, "{path}");
    }
}

#[test]
fn everything_is_applied_but_the_template_of_the_secret() {
    let mut applied = words(&manifest("kustomization.yaml")["resources"]);
    let mut files: Vec<String> = std::fs::read_dir(path("deploy/kubernetes"))
        .expect("the folder is there")
        .map(|entry| {
            let name = entry.expect("an entry").file_name();
            name.into_string().expect("a plain name")
        })
        .filter(|name| !["kustomization.yaml", "secret.example.yaml"].contains(&name.as_str()))
        .collect();
    applied.sort();
    files.sort();

    assert_eq!(applied, files);
    let namespace = manifest("namespace.yaml");
    let namespace = &namespace["metadata"]["name"];
    assert_eq!(manifest("kustomization.yaml")["namespace"], *namespace);
    for name in files.iter().filter(|name| *name != "namespace.yaml") {
        assert_eq!(
            manifest(name)["metadata"]["namespace"],
            *namespace,
            "{name}"
        );
    }
}
