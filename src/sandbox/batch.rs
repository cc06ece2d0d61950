//! `$batch`: up to 20 calls in one, at most four of them at a time (F4.7 to F4.13, S16, S17).

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::call::{Call, Reply, segments};
use super::error::GraphFault;
use super::http::{self, CLIENT_REQUEST_ID, Outcome, REQUEST_ID};
use super::identity::Caller;
use super::ids::guid;
use super::prefer::Prefer;
use super::query::Query;
use super::world::World;

/// The most parts a batch has (F4.7).
const MOST_PARTS: usize = 20;
/// The most of them that run at a time (F4.12).
const AT_A_TIME: usize = 4;

#[derive(Deserialize)]
struct Batch<'a> {
    #[serde(borrow)]
    requests: Vec<Part<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part<'a> {
    #[serde(default)]
    id: Value,
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    headers: Option<BTreeMap<String, String>>,
    #[serde(default, borrow)]
    body: Option<&'a RawValue>,
    #[serde(default)]
    depends_on: Option<Vec<String>>,
}

struct Step {
    id: String,
    call: Result<(Call, String), GraphFault>,
    depends_on: Vec<String>,
}

/// Runs a batch. A batch that cannot be read is refused as a whole (F4.8).
pub async fn serve(
    world: &World,
    method: &Method,
    caller: &Caller,
    body: &Bytes,
) -> Result<Reply, GraphFault> {
    if method != Method::POST {
        return Err(GraphFault::method_not_allowed());
    }
    let batch: Batch<'_> =
        serde_json::from_slice(body).map_err(|_| refused("Invalid batch payload format."))?;
    let steps = plan(batch, caller, world)?;
    {
        let mut state = world.lock();
        state.stats.batches += 1;
        state.stats.batch_parts += steps.len() as u64;
    }
    let mut answers = run(world, steps).await;
    {
        let mut state = world.lock();
        if state.knobs.batch_shuffle {
            state.rng.shuffle(&mut answers);
        }
        if state.knobs.batch_drop_response {
            answers.pop();
        }
    }
    Ok(Reply::raw_json(StatusCode::OK, render(&answers)))
}

fn refused(message: &str) -> GraphFault {
    GraphFault::bad_request("BadRequest", message)
}

fn plan(batch: Batch<'_>, caller: &Caller, world: &World) -> Result<Vec<Step>, GraphFault> {
    if batch.requests.is_empty() {
        return Err(refused("Invalid batch payload format."));
    }
    if batch.requests.len() > MOST_PARTS {
        return Err(refused(
            "Number of batch request steps exceeds the maximum value of 20.",
        ));
    }
    let root = world.graph_root();
    let mut seen = HashSet::new();
    let mut steps = Vec::new();
    for part in batch.requests {
        let id = match &part.id {
            Value::String(id) if !id.is_empty() => id.clone(),
            Value::Number(id) => id.to_string(),
            _ => return Err(refused("All batch requests must have a non-empty id.")),
        };
        if !seen.insert(id.to_ascii_lowercase()) {
            return Err(refused("Every batch request must have a unique id."));
        }
        let depends_on = part.depends_on.clone().unwrap_or_default();
        let call = part.into_call(caller, &root)?;
        steps.push(Step {
            id,
            call,
            depends_on,
        });
    }
    let known = |id: &String| seen.contains(&id.to_ascii_lowercase());
    if !steps.iter().all(|step| step.depends_on.iter().all(known)) {
        return Err(refused("A batch request depends on one that is not there."));
    }
    Ok(steps)
}

impl Part<'_> {
    /// The call of a part; the inner result is the part's own failure, the outer the batch's.
    fn into_call(
        self,
        caller: &Caller,
        root: &str,
    ) -> Result<Result<(Call, String), GraphFault>, GraphFault> {
        let (Some(method), Some(url)) = (self.method, self.url) else {
            return Err(refused("A batch request must have a method and a url."));
        };
        let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes())
            .map_err(|_| refused("A batch request has an unknown method."))?;
        let mut headers = HeaderMap::new();
        for (name, value) in self.headers.unwrap_or_default() {
            let name = HeaderName::from_bytes(name.as_bytes());
            let value = HeaderValue::from_str(&value);
            let (Ok(name), Ok(value)) = (name, value) else {
                return Err(refused("A batch request has a malformed header."));
            };
            headers.insert(name, value);
        }
        let body = match self.body {
            None => Bytes::new(),
            Some(raw) => part_body(raw, &headers)?,
        };
        let url = format!("/{}", url.trim_start_matches('/'));
        let (raw_path, raw_query) = url.split_once('?').unwrap_or((&url, ""));
        // The options are the part's own affair: they fail it, not the batch.
        let query = match Query::parse(raw_query) {
            Ok(query) => query,
            Err(fault) => return Ok(Err(fault)),
        };
        let call = Call {
            method,
            path: segments(raw_path),
            raw_path: raw_path.to_owned(),
            query,
            prefer: Prefer::of(&headers),
            headers,
            body,
            caller: caller.clone(),
            root: root.to_owned(),
        };
        Ok(Ok((call, url)))
    }
}

/// JSON as it stands; anything else is a base64 string.
fn part_body(raw: &RawValue, headers: &HeaderMap) -> Result<Bytes, GraphFault> {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .ok_or_else(|| refused("A batch request with a body must name its Content-Type."))?;
    if content_type.starts_with("application/json") {
        return Ok(Bytes::copy_from_slice(raw.get().as_bytes()));
    }
    let text: String = serde_json::from_str(raw.get())
        .map_err(|_| refused("The body of a batch request is not a base64 string."))?;
    Ok(STANDARD
        .decode(&text)
        .map_or_else(|_| Bytes::from(text), Bytes::from))
}

struct Answer {
    id: String,
    reply: Reply,
}

/// Runs the steps, those that depend on others after them.
async fn run(world: &World, steps: Vec<Step>) -> Vec<Answer> {
    let mut answers = Vec::new();
    let mut settled: HashMap<String, bool> = HashMap::new();
    let mut waiting = steps;
    while !waiting.is_empty() {
        let is_settled = |id: &String| settled.contains_key(&id.to_ascii_lowercase());
        let (ready, later): (Vec<_>, Vec<_>) = waiting
            .into_iter()
            .partition(|step| step.depends_on.iter().all(is_settled));
        if ready.is_empty() {
            // They depend on each other in a circle.
            answers.extend(
                later
                    .into_iter()
                    .map(|step| failed_dependency(world, step.id)),
            );
            break;
        }
        waiting = later;
        let failed = |id: &String| settled.get(&id.to_ascii_lowercase()) == Some(&false);
        let (doomed, runnable): (Vec<_>, Vec<_>) = ready
            .into_iter()
            .partition(|step| step.depends_on.iter().any(failed));
        let mut done: Vec<Answer> = doomed
            .into_iter()
            .map(|step| failed_dependency(world, step.id))
            .collect();
        let mut lost = Vec::new();
        let mut running = stream::iter(runnable)
            .map(|step| run_one(world, step))
            .buffer_unordered(AT_A_TIME);
        while let Some((id, reply)) = running.next().await {
            match reply {
                Some(reply) => done.push(Answer { id, reply }),
                None => lost.push(id),
            }
        }
        for answer in &done {
            settled.insert(
                answer.id.to_ascii_lowercase(),
                answer.reply.status.is_success(),
            );
        }
        settled.extend(lost.into_iter().map(|id| (id.to_ascii_lowercase(), false)));
        answers.extend(done);
    }
    answers
}

async fn run_one(world: &World, step: Step) -> (String, Option<Reply>) {
    let request_id = guid(&mut world.lock().request_ids);
    let outcome = match step.call {
        Ok((call, url)) => {
            let client_request_id = call.header(&CLIENT_REQUEST_ID).unwrap_or(&request_id);
            http::serve(world, &call, &url, &request_id, client_request_id).await
        }
        Err(fault) => Outcome::Reply(refuse(world, fault, &request_id)),
    };
    match outcome {
        // A refusal names itself in its headers, as one outside of a batch does (S11).
        Outcome::Reply(reply) if !reply.status.is_success() => {
            (step.id, Some(reply.with_header(REQUEST_ID, &request_id)))
        }
        Outcome::Reply(reply) => (step.id, Some(reply)),
        // A part whose connection breaks is missing from the answer (F4.9).
        Outcome::Broken => (step.id, None),
    }
}

fn failed_dependency(world: &World, id: String) -> Answer {
    let fault = GraphFault::new(
        StatusCode::FAILED_DEPENDENCY,
        "FailedDependency",
        "A request this one depends on has failed.",
    );
    let request_id = guid(&mut world.lock().request_ids);
    let reply = refuse(world, fault, &request_id).with_header(REQUEST_ID, &request_id);
    Answer { id, reply }
}

fn refuse(world: &World, fault: GraphFault, request_id: &str) -> Reply {
    let state = world.lock();
    let empty = state.knobs.empty_error_bodies;
    fault.into_reply(state.now(), request_id, request_id, empty)
}

fn render(answers: &[Answer]) -> String {
    let size: usize = answers
        .iter()
        .map(|answer| answer.reply.body.len() + 300)
        .sum();
    let mut out = String::with_capacity(size);
    out.push_str("{\"responses\":[");
    for (index, answer) in answers.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        let id = Value::String(answer.id.clone());
        let headers = Value::Object(part_headers(&answer.reply));
        let status = answer.reply.status.as_u16();
        let _ = write!(
            out,
            "{{\"id\":{id},\"status\":{status},\"headers\":{headers}"
        );
        if !answer.reply.body.is_empty() {
            out.push_str(",\"body\":");
            match std::str::from_utf8(&answer.reply.body) {
                Ok(text) if answer.reply.is_json() => out.push_str(text),
                _ => {
                    out.push('"');
                    STANDARD.encode_string(&answer.reply.body, &mut out);
                    out.push('"');
                }
            }
        }
        out.push('}');
    }
    out.push_str("]}");
    out
}

fn part_headers(reply: &Reply) -> serde_json::Map<String, Value> {
    let mut headers = serde_json::Map::new();
    if let Some(content_type) = reply.content_type {
        let content_type = if reply.is_json() {
            "application/json"
        } else {
            content_type
        };
        headers.insert("Content-Type".to_owned(), content_type.into());
    }
    for (name, value) in &reply.headers {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        let name = name
            .as_str()
            .split('-')
            .map(|word| {
                let mut letters = word.chars();
                letters.next().map_or_else(String::new, |first| {
                    first.to_ascii_uppercase().to_string() + letters.as_str()
                })
            })
            .collect::<Vec<_>>()
            .join("-");
        headers.insert(name, value.into());
    }
    headers
}
