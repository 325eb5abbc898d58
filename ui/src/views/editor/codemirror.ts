// The query editor, in a file of its own that is loaded when the page is idle: half of all visitors
// never write a query.

import {
  acceptCompletion,
  autocompletion,
  type Completion,
  type CompletionContext,
  type CompletionResult,
  closeBrackets,
  closeBracketsKeymap,
  completionKeymap,
  startCompletion,
} from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import {
  bracketMatching,
  HighlightStyle,
  StreamLanguage,
  syntaxHighlighting,
} from "@codemirror/language";
import { EditorState, StateEffect, StateField } from "@codemirror/state";
import { Decoration, EditorView, keymap, placeholder } from "@codemirror/view";
import { tags } from "@lezer/highlight";

export interface EditorOptions {
  readonly parent: HTMLElement;
  readonly text: string;
  readonly placeholder: string;
  readonly label: string;
  readonly onChange: (text: string) => void;
  readonly onRun: (text: string) => void;
  readonly complete: (text: string, at: number) => Promise<EditorCompletions | null>;
}

export interface EditorCompletions {
  readonly from: number;
  readonly options: readonly {
    readonly label: string;
    readonly detail: string;
    readonly insert: string;
    readonly kind: string;
  }[];
}

export interface Editor {
  readonly setText: (text: string) => void;
  /** Marks what is wrong; null for nothing. */
  readonly setFault: (at: number | null) => void;
  readonly focus: () => void;
  readonly destroy: () => void;
}

const INTRINSIC =
  /^(?:(?:span|trace|event|link|instrumentation):\w+|name|status|statusMessage|kind|duration|traceDuration|rootName|rootServiceName|rootService|childCount|nestedSet\w+|parent)\b/;
const WORD =
  /^(?:true|false|nil|error|ok|unset|server|client|internal|producer|consumer|unspecified)\b/;
const STAGE =
  /^(?:count|avg|min|max|sum|by|coalesce|select|rate|count_over_time|quantile_over_time|histogram_over_time|min_over_time|max_over_time|avg_over_time|sum_over_time|topk|bottomk|compare|with)\b/;

const traceql = StreamLanguage.define({
  name: "traceql",
  token(stream) {
    if (stream.eatSpace()) return null;
    if (stream.match(/^"(?:[^"\\]|\\.)*"?/) || stream.match(/^`[^`]*`?/)) return "string";
    if (stream.match(/^-?\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h|d)?/)) return "number";
    if (
      stream.match(
        /^(?:span|resource|event|link|instrumentation|parent)?\.(?:"[^"]*"|[^\s{}()=~!<>&|,"])+/,
      )
    ) {
      return "propertyName";
    }
    if (stream.match(STAGE)) return "keyword";
    if (stream.match(INTRINSIC)) return "variableName";
    if (stream.match(WORD)) return "atom";
    if (stream.match(/^(?:[!&]?(?:>>|<<|>|<|~)|&&|\|\||[=!<>]=|[=!]~|[=|+*/%^-])/))
      return "operator";
    if (stream.match(/^[{}()]/)) return "bracket";
    stream.next();
    return null;
  },
});

const colours = HighlightStyle.define([
  { tag: tags.string, color: "var(--syntax-text)" },
  { tag: tags.number, color: "var(--syntax-number)" },
  { tag: tags.propertyName, color: "var(--accent)" },
  { tag: tags.variableName, color: "var(--accent)", fontWeight: "600" },
  { tag: tags.atom, color: "var(--syntax-number)" },
  { tag: tags.keyword, color: "var(--syntax-keyword)", fontWeight: "600" },
  { tag: tags.operator, color: "var(--text-muted)" },
]);

const setFault = StateEffect.define<number | null>();
const faultMark = Decoration.mark({ class: "cm-fault" });
const faultField = StateField.define({
  create: () => Decoration.none,
  update(marks, transaction) {
    let next = transaction.docChanged ? Decoration.none : marks;
    for (const effect of transaction.effects) {
      if (!effect.is(setFault)) continue;
      const length = transaction.state.doc.length;
      if (effect.value === null || length === 0) next = Decoration.none;
      else {
        const from = Math.min(effect.value, length - 1);
        next = Decoration.set([faultMark.range(from, Math.min(length, from + 1))]);
      }
    }
    return next;
  },
  provide: (field) => EditorView.decorations.from(field),
});

export function createEditor(options: EditorOptions): Editor {
  const source = async (context: CompletionContext): Promise<CompletionResult | null> => {
    const found = await options.complete(context.state.doc.toString(), context.pos);
    if (!found || context.aborted || found.options.length === 0) return null;
    return {
      from: found.from,
      filter: true,
      options: found.options.map(
        (option, at): Completion => ({
          label: option.label,
          detail: option.detail,
          type: option.kind,
          boost: 99 - Math.min(99, at),
          apply: (view, _, from, to) => {
            view.dispatch({
              changes: { from, to, insert: option.insert },
              selection: { anchor: from + option.insert.length },
              userEvent: "input.complete",
            });
            if (option.kind !== "value") startCompletion(view);
          },
        }),
      ),
    };
  };
  const run = (view: EditorView) => {
    options.onRun(view.state.doc.toString());
    return true;
  };
  const view = new EditorView({
    parent: options.parent,
    state: EditorState.create({
      doc: options.text,
      extensions: [
        history(),
        closeBrackets(),
        bracketMatching(),
        traceql,
        syntaxHighlighting(colours),
        faultField,
        autocompletion({ override: [source], icons: false, activateOnTyping: true }),
        // A query is one line: Enter runs it, and pasted line ends become spaces.
        EditorState.transactionFilter.of((transaction) =>
          transaction.newDoc.lines > 1
            ? [transaction, oneLine(transaction.newDoc.toString())]
            : transaction,
        ),
        keymap.of([
          ...completionKeymap,
          { key: "Tab", run: acceptCompletion },
          { key: "Enter", run },
          { key: "Mod-Enter", run },
          ...closeBracketsKeymap,
          ...historyKeymap,
          ...defaultKeymap,
        ]),
        placeholder(options.placeholder),
        EditorView.contentAttributes.of({
          id: "query",
          "aria-label": options.label,
          spellcheck: "false",
          autocapitalize: "off",
        }),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) options.onChange(update.state.doc.toString());
          const hasFocus = update.focusChanged && update.view.hasFocus;
          if (hasFocus && update.state.doc.length === 0) startCompletion(update.view);
        }),
      ],
    }),
  });
  return {
    setText(text) {
      if (text === view.state.doc.toString()) return;
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } });
    },
    setFault: (at) => view.dispatch({ effects: setFault.of(at) }),
    focus: () => view.focus(),
    destroy: () => view.destroy(),
  };
}

function oneLine(text: string) {
  const flat = text.replace(/\s*\n\s*/g, " ");
  return { changes: { from: 0, to: text.length, insert: flat }, sequential: true };
}
