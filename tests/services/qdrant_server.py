"""Qdrant's REST interface on 127.0.0.1, as far as millrace uses it, over Qdrant's own engine (qdrant-edge-py).

usage: qdrant_server.py <port> <folder> [api-key]
Writes are refused before the engine sees them where they are wrong: the engine would log them and replay them later.
"""

import json
import os
import re
import shutil
import signal
import sys
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlparse

import qdrant_edge as edge

PORT, FOLDER = int(sys.argv[1]), sys.argv[2]
API_KEY = sys.argv[3] if len(sys.argv) > 3 else None
DISTANCES = {name: getattr(edge.Distance, name) for name in ("Cosine", "Dot", "Euclid", "Manhattan")}
INDEX_TYPES = {
    name.lower(): getattr(edge.PayloadSchemaType, name)
    for name in ("Keyword", "Integer", "Float", "Bool", "Datetime", "Text")
}
DATATYPES = {name.lower(): getattr(edge.VectorStorageDatatype, name) for name in ("Float32", "Float16", "Uint8")}
LOCK = threading.RLock()
COLLECTIONS = {}
ALIASES_FILE = os.path.join(FOLDER, ".aliases.json")


class Refused(Exception):
    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


class Collection:
    """One collection: its settings in config.json, its points in the engine's folder beside it."""

    def __init__(self, name, config=None):
        self.folder = os.path.join(FOLDER, name)
        shard = os.path.join(self.folder, "shard")
        if config is None:
            with open(os.path.join(self.folder, "config.json"), encoding="utf-8") as file:
                self.config = json.load(file)
            self.shard = edge.EdgeShard.load(shard)
        else:
            os.makedirs(self.folder)
            self.config = config
            vectors = {
                key: edge.EdgeVectorParams(
                    size=value["size"],
                    distance=DISTANCES[value["distance"]],
                    datatype=DATATYPES[value.get("datatype") or "float32"],
                )
                for key, value in config["vectors"].items()
            }
            self.shard = edge.EdgeShard.create(shard, edge.EdgeConfig(vectors=vectors))
            self.save()

    def save(self):
        save_json(os.path.join(self.folder, "config.json"), self.config)

    def update(self, operation):
        with LOCK:
            self.shard.update(operation)
        return {"operation_id": 0, "status": "completed"}


def save_json(path, content):
    with open(path + ".tmp", "w", encoding="utf-8") as file:
        json.dump(content, file)
    os.replace(path + ".tmp", path)


def aliases():
    """Names of collections by alias, as they are on the disk."""
    if not os.path.exists(ALIASES_FILE):
        return {}
    with open(ALIASES_FILE, encoding="utf-8") as file:
        return json.load(file)


def exists(name):
    return os.path.exists(os.path.join(FOLDER, name, "config.json"))


def change_aliases(body):
    """All actions or none."""
    with LOCK:
        changed = aliases()
        for action in body["actions"]:
            ((kind, names),) = action.items()
            if kind == "create_alias":
                if not exists(names["collection_name"]):
                    raise Refused(404, f"Not found: Collection `{names['collection_name']}` doesn't exist!")
                if exists(names["alias_name"]):
                    raise Refused(409, f"Wrong input: Collection `{names['alias_name']}` already exists!")
                changed[names["alias_name"]] = names["collection_name"]
            elif kind == "delete_alias":
                changed.pop(names["alias_name"], None)
            elif kind == "rename_alias":
                if names["old_alias_name"] not in changed:
                    raise Refused(404, f"Not found: Alias {names['old_alias_name']} does not exists!")
                changed[names["new_alias_name"]] = changed.pop(names["old_alias_name"])
            else:
                raise Refused(400, f"Format error in JSON body: unknown action {kind}")
        save_json(ALIASES_FILE, changed)
    return True


def list_aliases(name=None):
    with LOCK:
        found = [item for item in aliases().items() if name in (None, item[1])]
    return {"aliases": [{"alias_name": alias, "collection_name": target} for alias, target in found]}


def list_collections():
    return {"collections": [{"name": name} for name in sorted(os.listdir(FOLDER)) if exists(name)]}


def collection(name):
    with LOCK:
        name = aliases().get(name, name)
        if name not in COLLECTIONS:
            if not exists(name):
                raise Refused(404, f"Not found: Collection `{name}` doesn't exist!")
            COLLECTIONS[name] = Collection(name)
        return COLLECTIONS[name]


def point_id(value):
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    try:
        return uuid.UUID(value)
    except (ValueError, TypeError, AttributeError):
        kinds = "valid values are either an unsigned integer or a UUID"
        raise Refused(400, f"value {value} is not a valid point ID, {kinds}") from None


def checked_vectors(target, vectors):
    for name, values in vectors.items():
        params = target.config["vectors"].get(name)
        if params is None:
            raise Refused(400, f"Wrong input: Not existing vector name error: {name}")
        if len(values) != params["size"]:
            raise Refused(
                400, f"Wrong input: Vector dimension error: expected dim: {params['size']}, got {len(values)}"
            )
        if not all(isinstance(value, (int, float)) for value in values):
            raise Refused(400, "Format error in JSON body: data did not match any variant of VectorStruct")
    return vectors


def condition(body):
    if "has_id" in body:
        return edge.HasIdCondition({point_id(value) for value in body["has_id"]})
    if "is_empty" in body:
        return edge.IsEmptyCondition(body["is_empty"]["key"])
    if "key" in body:
        return edge.FieldCondition(key=body["key"], match=edge.MatchValue(body["match"]["value"]))
    return condition_filter(body)


def condition_filter(body):
    if not body:
        return None
    lists = {key: [condition(item) for item in body[key]] for key in ("must", "should", "must_not") if key in body}
    return edge.Filter(**lists)


def described(point, with_score=False):
    answer = {"id": point.id if isinstance(point.id, int) else str(point.id), "payload": point.payload}
    if point.vector is not None:
        answer["vector"] = point.vector
    if with_score:
        answer["score"] = point.score
    return answer


def create(name, body):
    with LOCK:
        if os.path.exists(os.path.join(FOLDER, name)):
            raise Refused(409, f"Wrong input: Collection `{name}` already exists!")
        if name in aliases():
            alias_exists = "Alias with the same name already exists"
            raise Refused(400, f"Bad request: Can't create collection with name {name}. {alias_exists}")
        COLLECTIONS[name] = Collection(name, body)
    return True


def drop(name):
    """By its own name only, with its aliases."""
    with LOCK:
        if not exists(name):
            return False
        target = collection(name)
        del COLLECTIONS[name]
        save_json(ALIASES_FILE, {alias: of for alias, of in aliases().items() if of != name})
        target.shard.close()
        shutil.rmtree(target.folder)
    return True


def change(target, body):
    with LOCK:
        for key, value in body.items():
            target.config[key] = {**target.config.get(key, {}), **value}
        target.save()
    return True


def information(target):
    config = target.config
    return {
        "status": "green",
        "optimizer_status": "ok",
        "points_count": target.shard.info().points_count,
        "config": {
            "params": {"vectors": config["vectors"]},
            "hnsw_config": {"m": 16, **config.get("hnsw_config", {})},
            "quantization_config": config.get("quantization_config"),
            "optimizer_config": config.get("optimizers_config", {}),
        },
        "payload_schema": {key: {"data_type": kind} for key, kind in config.get("indexed", {}).items()},
    }


def upsert(target, body):
    points = [
        edge.Point(point_id(point["id"]), checked_vectors(target, point["vector"]), point.get("payload") or {})
        for point in body["points"]
    ]
    return target.update(edge.UpdateOperation.upsert_points(points))


def remove(target, body):
    return target.update(edge.UpdateOperation.delete_points([point_id(value) for value in body["points"]]))


def retrieve(target, body):
    ids = [point_id(value) for value in body["ids"]]
    found = target.shard.retrieve(
        ids, with_payload=body.get("with_payload", True), with_vector=body.get("with_vector", False)
    )
    return [described(point) for point in found]


def scroll(target, body):
    offset = body.get("offset")
    points, following = target.shard.scroll(
        edge.ScrollRequest(
            offset=None if offset is None else point_id(offset),
            limit=body.get("limit", 10),
            filter=condition_filter(body.get("filter")),
            with_payload=body.get("with_payload", True),
            with_vector=body.get("with_vector", False),
        )
    )
    following = following if following is None or isinstance(following, int) else str(following)
    return {"points": [described(point) for point in points], "next_page_offset": following}


def query(target, body):
    checked_vectors(target, {body["using"]: body["query"]})
    found = target.shard.query(
        edge.QueryRequest(
            limit=body.get("limit", 10),
            offset=0,
            query=edge.Query.Nearest(body["query"], using=body["using"]),
            filter=condition_filter(body.get("filter")),
            with_payload=body.get("with_payload", False),
            with_vector=body.get("with_vector", False),
            params=edge.SearchParams(exact=(body.get("params") or {}).get("exact", False)),
        )
    )
    return {"points": [described(point, with_score=True) for point in found]}


def count(target, body):
    request = edge.CountRequest(exact=body.get("exact", True), filter=condition_filter(body.get("filter")))
    return {"count": target.shard.count(request)}


def index(target, body):
    kind = INDEX_TYPES.get(body["field_schema"])
    if kind is None:
        raise Refused(400, "Format error in JSON body: data did not match any variant of PayloadFieldSchema")
    change(target, {"indexed": {body["field_name"]: body["field_schema"]}})
    return target.update(edge.UpdateOperation.create_field_index(body["field_name"], kind))


ROUTES = {
    ("GET", ""): lambda target, _: information(target),
    ("PATCH", ""): change,
    ("PUT", "points"): upsert,
    ("POST", "points"): retrieve,
    ("POST", "points/delete"): remove,
    ("POST", "points/scroll"): scroll,
    ("POST", "points/query"): query,
    ("POST", "points/count"): count,
    ("PUT", "index"): index,
}


def answer(method, path, body):
    if (method, path) == ("GET", "/aliases"):
        return list_aliases()
    if (method, path) == ("GET", "/collections"):
        return list_collections()
    if (method, path) == ("POST", "/collections/aliases"):
        return change_aliases(body)
    match = re.fullmatch(r"/collections/([^/]+)(?:/(.*))?", path)
    if match is None:
        raise Refused(404, "no such route")
    name, rest = unquote(match[1]), match[2] or ""
    if (method, rest) == ("PUT", ""):
        return create(name, body)
    if (method, rest) == ("DELETE", ""):
        return drop(name)
    if (method, rest) == ("GET", "aliases"):
        return list_aliases(name)
    route = ROUTES.get((method, rest))
    if route is None:
        raise Refused(404, "no such route")
    return route(collection(name), body)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def handle_request(self):
        length = int(self.headers.get("content-length") or 0)
        raw = self.rfile.read(length)
        status, body = self.status_and_body(urlparse(self.path).path, raw)
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def status_and_body(self, path, raw):
        if path == "/":
            return 200, {"title": "qdrant - vector search engine", "version": "1.19.0"}
        if API_KEY is not None and self.headers.get("api-key") != API_KEY:
            return 401, {"status": {"error": "Must provide an API key or an Authorization bearer token"}}
        try:
            return 200, {"result": answer(self.command, path, json.loads(raw) if raw else {}), "status": "ok"}
        except Refused as refusal:
            return refusal.status, {"status": {"error": str(refusal)}}
        except (KeyError, TypeError, ValueError) as error:
            return 400, {"status": {"error": f"Format error in JSON body: {error!r}"}}
        except Exception as error:  # noqa: BLE001
            return 500, {"status": {"error": repr(error)}}

    do_GET = do_PUT = do_POST = do_DELETE = do_PATCH = handle_request


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


if __name__ == "__main__":
    os.makedirs(FOLDER, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    Server(("127.0.0.1", PORT), Handler).serve_forever()
