import { describe, expect, test } from "@jest/globals";
import { Runtime } from "@millrace/native";
import { sessionBindings } from "@millrace/workers";
import { sessionConformance } from "../../conformance/session.ts";

describe.each([...sessionBindings])("a session of $name", (binding) => sessionConformance(binding));

test("the native binding is taken where it is built", () => {
  const names = sessionBindings.map(({ name }) => name);
  expect(names).toEqual(Runtime.isPresent() ? ["native", "onnxruntime-node"] : ["onnxruntime-node"]);
});
