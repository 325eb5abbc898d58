/** The place in the query that an error sentence names: `line 1, col 9`, `column 9`, `1:9`, `at 8`. */
export function faultPlace(sentence: string, query: string): number | null {
  const lineAndColumn =
    /line (\d+),? col(?:umn)? (\d+)/i.exec(sentence) ?? /\b(\d+):(\d+)\b/.exec(sentence);
  const column = /col(?:umn)? (\d+)/i.exec(sentence);
  const found = lineAndColumn
    ? { line: Number(lineAndColumn[1]), column: Number(lineAndColumn[2]) }
    : column
      ? { line: 1, column: Number(column[1]) }
      : null;
  if (!found) return null;
  const lines = query.split("\n");
  const before = lines.slice(0, found.line - 1).reduce((sum, line) => sum + line.length + 1, 0);
  return Math.min(query.length, Math.max(0, before + found.column - 1));
}
