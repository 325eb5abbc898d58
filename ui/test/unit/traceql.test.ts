import { describe, expect, test } from "vitest";
import {
  attributeName,
  buildQuery,
  EMPTY_FORM,
  literal,
  parseQuery,
  parseTag,
  quote,
  type SearchForm,
} from "../../src/model/traceql.ts";

const form = (change: Partial<SearchForm>): SearchForm => ({ ...EMPTY_FORM, ...change });

describe("building", () => {
  test.each([
    [form({}), "{ }"],
    [form({ service: "shop" }), '{ resource.service.name = "shop" }'],
    [form({ operation: 'GET "/a\\b"' }), '{ name = "GET \\"/a\\\\b\\"" }'],
    [
      form({ durationMin: "10ms", durationMax: "1.5s" }),
      "{ duration >= 10ms && duration <= 1.5s }",
    ],
    [form({ durationMin: "1h 30m" }), "{ duration >= 1h30m }"],
    [form({ durationMin: "soon" }), "{ }"],
    [form({ status: "error" }), "{ status = error }"],
    [form({ tags: [{ key: "span.http.method", value: "GET" }] }), '{ span.http.method = "GET" }'],
    [form({ tags: [{ key: "region", value: "oslo" }] }), '{ .region = "oslo" }'],
    [form({ tags: [{ key: "fare class", value: "1" }] }), '{ ."fare class" = 1 }'],
  ])("%#: %o", (given, query) => {
    expect(buildQuery(given)).toBe(query);
  });

  test("values keep their type", () => {
    expect(["200", "-1.5", "true", "GET", "", "1e9", '"200"', "0x1F", "ok"].map(literal)).toEqual([
      "200",
      "-1.5",
      "true",
      '"GET"',
      '""',
      '"1e9"',
      '"200"',
      '"0x1F"',
      '"ok"',
    ]);
  });

  test("nothing in a value can leave its string", () => {
    expect(quote('" || true } //')).toBe('"\\" || true } //"');
    expect(quote("\\")).toBe('"\\\\"');
    expect(quote("a\nb\tc")).toBe('"a\\nb\\tc"');
    expect(literal('"a" || "b"')).toBe('"\\"a\\" || \\"b\\""');
    expect(attributeName('x" = 1 || ."y')).toBe('."x\\" = 1 || .\\"y"');
  });
});

describe("reading back", () => {
  test.each([
    form({}),
    form({ service: "shop", operation: "GET /", status: "ok" }),
    form({ service: 'a "b" \\ c', operation: "tab\there" }),
    form({ durationMin: "10ms", durationMax: "2s", status: "unset" }),
    form({ tags: [{ key: "span.a-b", value: "x y" }] }),
    form({ tags: [{ key: "fare class", value: "first" }] }),
    form({
      tags: [
        { key: "n", value: "200" },
        { key: "s", value: '"200"' },
        { key: "resource.job", value: "pods" },
      ],
    }),
  ])("%#: what was built is read as the same", (given) => {
    expect(parseQuery(buildQuery(given))).toEqual(given);
  });

  test.each([
    ["", form({})],
    ["{}", form({})],
    ['{name="x"}', form({ operation: "x" })],
    ['  { span:name = "x"&&span:status=error }', form({ operation: "x", status: "error" })],
    ["{ span.load = 1.5 }", form({ tags: [{ key: "span.load", value: "1.5" }] })],
  ])("%s", (query, expected) => {
    expect(parseQuery(query)).toEqual(expected);
  });

  test.each([
    '{ name = "a" || name = "b" }',
    '{ name = "a" } >> { name = "b" }',
    '{ name = "a" } | count() > 2',
    '{ name =~ "a.*" }',
    '{ name != "a" }',
    "{ duration > 10ms }",
    '{ name = "a" && name = "b" }',
    "{ span.a != nil }",
    "{ span.a = nil }",
    "{ .a }",
    '{ (name = "a") }',
    '{ name = "a" && }',
    '{ name = "a" name = "b" }',
    '{ name = "open }',
    "{ kind = server }",
    "name",
    "{ no end",
  ])("%s is beyond the form", (query) => {
    expect(parseQuery(query)).toBeNull();
  });
});

test("tags are read as key=value", () => {
  expect(parseTag("a=b")).toEqual({ key: "a", value: "b" });
  expect(parseTag(" a = b=c ")).toEqual({ key: "a", value: "b=c" });
  expect(["", "a", "=b", " =b"].map(parseTag)).toEqual([null, null, null, null]);
});
