// Renders Markdown by packages of npm: node render.mjs NAME < documents.json > pages.json
// Both are objects from a document's name to its text. NAME is a key of `renderers`.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(process.cwd() + "/");
const load = async (name) => {
  const found = await import(pathToFileURL(require.resolve(name)).href);
  return found.default ?? found;
};

async function markdownIt() {
  const hljs = await load("highlight.js");
  const highlight = (code, language) =>
    hljs.highlight(code, { language, ignoreIllegals: true }).value;
  const MarkdownIt = await load("markdown-it");
  const md = new MarkdownIt({ html: true, highlight });
  md.use(await load("markdown-it-footnote")).use(await load("markdown-it-deflist"));
  const katex = await load("@vscode/markdown-it-katex");
  md.use(katex.default ?? katex);
  return (text) => md.render(text);
}

async function markedMathjax() {
  const { mathjax } = require("mathjax-full/js/mathjax.js");
  const { TeX } = require("mathjax-full/js/input/tex.js");
  const { CHTML } = require("mathjax-full/js/output/chtml.js");
  const { liteAdaptor } = require("mathjax-full/js/adaptors/liteAdaptor.js");
  const { RegisterHTMLHandler } = require("mathjax-full/js/handlers/html.js");
  const { AssistiveMmlHandler } = require("mathjax-full/js/a11y/assistive-mml.js");
  const adaptor = liteAdaptor();
  AssistiveMmlHandler(RegisterHTMLHandler(adaptor));
  const prism = require("prismjs");
  require("prismjs/components/")(["python", "javascript", "c"]);
  const { Marked } = require("marked");
  const numbers = (code) =>
    '<span aria-hidden="true" class="line-numbers-rows">' +
    "<span></span>".repeat(code.split("\n").length) + "</span>";
  const code = ({ text, lang }) =>
    `<pre class="language-${lang} line-numbers"><code class="language-${lang}">` +
    `${prism.highlight(text, prism.languages[lang], lang)}${numbers(text)}</code></pre>`;
  const marked = new Marked({ renderer: { code } });
  return (text) => {
    const delimiters = { inlineMath: [["$", "$"]], displayMath: [["$$", "$$"]] };
    // The formulas are set aside: Markdown would read their backslashes.
    const formulas = [];
    const aside = text.replace(/\$\$[^$]+\$\$|\$[^$\n]+\$(?!\{)/g, (formula) =>
      `FORMULA${formulas.push(formula) - 1}X`);
    const html = marked.parse(aside).replace(/FORMULA(\d+)X/g, (_, n) =>
      formulas[n].replace(/&/g, "&amp;").replace(/</g, "&lt;"));
    const input = new TeX(delimiters);
    const math = mathjax.document(html, { InputJax: input, OutputJax: new CHTML() });
    return adaptor.innerHTML(adaptor.body(math.render().document));
  };
}

async function remarkShiki() {
  const { remark } = await import(pathToFileURL(require.resolve("remark")).href);
  const gfm = await load("remark-gfm");
  const html = await load("remark-html");
  const { createHighlighter } = await import(pathToFileURL(require.resolve("shiki")).href);
  const langs = ["python", "javascript", "c"];
  const highlighter = await createHighlighter({ themes: ["github-light"], langs });
  const pre = /<pre><code class="language-(\w+)">([^]*?)\n<\/code><\/pre>/g;
  const plain = (code) => code.replace(/&lt;/g, "<").replace(/&gt;/g, ">")
    .replace(/&quot;/g, '"').replace(/&#x26;|&amp;/g, "&").replace(/&#x3C;/g, "<");
  return (text) =>
    String(remark().use(gfm).use(html, { sanitize: false }).processSync(text)).replace(
      pre,
      (_, lang, code) => highlighter.codeToHtml(plain(code), { lang, theme: "github-light" }),
    );
}

const renderers = { "markdown-it": markdownIt, marked: markedMathjax, remark: remarkShiki };
// Read first: a package that is loaded may leave the input without blocking.
const documents = JSON.parse(readFileSync(0, "utf8"));
const render = await renderers[process.argv[2]]();

const pages = Object.fromEntries(
  Object.entries(documents).map(([name, text]) => [name, render(text)]),
);
process.stdout.write(JSON.stringify(pages));
