"""The generators of pages: what each reads, how it is called, whether its pages may train.

None of them is a dependency of the project. Python's and npm's are installed into a
cache folder (`environments`); pandoc, Asciidoctor and Hugo are programs of the system.
A generator that is absent gives no pages, and `make.py` says so.
"""

import json
import os
import shutil
import subprocess
import venv
from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from typing import Final, NamedTuple

import sources
import templates
from content import Document
from words import WORDS

HERE = Path(__file__).resolve().parent
CACHE = (
    Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    / "tamis-page-factory"
)
PYTHON_PACKAGES: Final = (
    *("sphinx", "furo", "sphinx-rtd-theme", "pydata-sphinx-theme", "mkdocs"),
    *("mkdocs-material", "markdown", "pymdown-extensions", "docutils", "pygments"),
    *("mistune",),
)
NODE_PACKAGES: Final = (
    *("markdown-it", "markdown-it-footnote", "markdown-it-deflist", "katex"),
    *("@vscode/markdown-it-katex", "highlight.js", "prismjs", "marked", "shiki"),
    *("mathjax-full", "remark", "remark-html", "remark-gfm", "vitepress"),
)
_TIME_LIMIT = 600

Pages = dict[str, str]
Render = Callable[[list[Document], Path], Pages]


class AbsentError(Exception):
    """A generator is not installed, or failed; the message says which and how."""


class Generator(NamedTuple):
    """A program and a theme of it."""

    name: str  # "sphinx-furo"
    program: str  # "sphinx": what is unseen is a whole program, not a theme of it
    licence: str  # of the theme that is in the pages
    render: Render
    # What its pages cannot say: without notes, definitions or formulas of their own.
    lacks: frozenset[str] = frozenset()


# A third of the programs: their pages never train, and are what counts.
UNSEEN: Final = frozenset(
    ("asciidoctor", "mkdocs", "marked", "hugo", "mediawiki", "forum")
)
TRAINABLE: Final = frozenset(("MIT", "BSD", "Apache-2.0", "own"))


def environments() -> list[str]:
    """Install what Python's and npm's generators need; messages of what failed."""
    failed = []
    packages = " ".join(PYTHON_PACKAGES)
    ready = CACHE / "python" / "ready"
    if not ready.exists() or ready.read_text() != packages:
        venv.create(CACHE / "python", with_pip=True, clear=True)
        try:
            pip = [str(_python("python")), "-m", "pip", "-q", "install"]
            _run([*pip, *PYTHON_PACKAGES])
            ready.write_text(packages)
        except AbsentError as error:
            failed.append(f"Python's generators: {error}")
    packages = " ".join(NODE_PACKAGES)
    ready = CACHE / "node" / "ready"
    if not ready.exists() or ready.read_text() != packages:
        ready.parent.mkdir(parents=True, exist_ok=True)
        try:
            _run(["npm", "install", "--no-fund", *NODE_PACKAGES], ready.parent)
            ready.write_text(packages)
        except AbsentError as error:
            failed.append(f"npm's generators: {error}")
    return failed


def _python(program: str) -> Path:
    return CACHE / "python" / "bin" / program


def _run(
    command: list[str], folder: Path | None = None, given: str | None = None
) -> str:
    if shutil.which(command[0]) is None:
        raise AbsentError(f"{command[0]} is not installed")
    done = subprocess.run(
        command,
        cwd=folder,
        input=given,
        capture_output=True,
        text=True,
        timeout=_TIME_LIMIT,
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise AbsentError(f"{command[0]} failed: {lines[-1][:200]}")
    return done.stdout


def around(page: str, document: Document) -> str:
    """The page with a menu, teasers, a comment, a footer and a notice on cookies."""
    words = WORDS[document.language]
    items = "".join(
        f'<li><a href="/{i}">{name}</a></li>' for i, name in enumerate(words.names)
    )
    teasers = "".join(
        f'<li><a href="/t{i}">{words.teaser} {i}</a></li>' for i in range(3)
    )
    after = (
        f'<aside class="related-posts"><ul>{teasers}</ul></aside>'
        f'<div class="comments"><div class="comment"><p>{words.comment}</p></div></div>'
        f'<footer class="site-footer"><p>{words.footer}</p></footer>'
        f'<div class="cookie-banner" role="dialog"><p>{words.cookies}</p></div>'
    )
    head, end_of_head, body = page.partition("<body")
    attributes, close, body = body.partition(">")
    menu = f'<nav class="site-menu"><ul>{items}</ul></nav>'
    body = body.replace("</body>", f"{after}</body>")
    return f"{head}{end_of_head}{attributes}{close}{menu}{body}"


def _whole(body: str, document: Document) -> str:
    """A page around what a library for Markdown gives."""
    direction = WORDS[document.language].direction
    return (
        f'<!DOCTYPE html><html lang="{document.language}" dir="{direction}"><head>'
        f'<meta charset="utf-8"><title>{escape(document.title)}</title></head>'
        f'<body><main class="content">{body}</main></body></html>'
    )


def _pandoc(*options: str) -> Render:
    def render(documents: list[Document], folder: Path) -> Pages:
        pages = {}
        for document in documents:
            command = ["pandoc", "-s", "-f", "markdown", "-t", "html5", *options]
            command += [
                "-M",
                f"title={document.title}",
                "-M",
                f"lang={document.language}",
            ]
            # The title is in the metadata: pandoc's template writes it as <h1>.
            pages[document.name] = _run(
                command, given=sources.markdown(document, title=False)
            )
        return pages

    return render


def _sphinx(theme: str, module: str) -> Render:
    def render(documents: list[Document], folder: Path) -> Pages:
        names = "\n   ".join(document.name for document in documents)
        (folder / "index.rst").write_text(
            f"Index\n=====\n\n.. toctree::\n\n   {names}\n"
        )
        extensions = ["sphinx.ext.mathjax", *([module] if module else [])]
        (folder / "conf.py").write_text(
            f"extensions = {extensions}\nhtml_theme = {theme!r}\nproject = 'Bread'\n"
        )
        for document in documents:
            path = folder / f"{document.name}.rst"
            path.write_text(sources.restructured(document), "utf-8")
        _run([str(_python("sphinx-build")), "-q", "-b", "html", ".", "out"], folder)
        return {
            d.name: (folder / "out" / f"{d.name}.html").read_text("utf-8")
            for d in documents
        }

    return render


def _mkdocs(theme: str) -> Render:
    def render(documents: list[Document], folder: Path) -> Pages:
        (folder / "docs").mkdir()
        extensions = ["tables", "footnotes", "def_list", "fenced_code"]
        if theme == "material":
            extensions[-1:] = ["pymdownx.superfences", "pymdownx.highlight"]
        settings = [f"site_name: Bread\ntheme: {theme}\nmarkdown_extensions:"]
        settings += [f"  - {extension}" for extension in extensions]
        settings += ["  - pymdownx.arithmatex:\n      generic: true"]
        settings += ["use_directory_urls: false"]
        (folder / "mkdocs.yml").write_text("\n".join(settings) + "\n")
        (folder / "docs" / "index.md").write_text("# Bread\n")
        for document in documents:
            path = folder / "docs" / f"{document.name}.md"
            path.write_text(sources.markdown(document), "utf-8")
        _run([str(_python("mkdocs")), "build", "-q", "-d", "out"], folder)
        return {
            d.name: (folder / "out" / f"{d.name}.html").read_text("utf-8")
            for d in documents
        }

    return render


def _asciidoctor(highlighter: str, *options: str) -> Render:
    def render(documents: list[Document], folder: Path) -> Pages:
        command = ["asciidoctor", "-a", f"source-highlighter={highlighter}", *options]
        # It stands in the footer; else it would be the present time.
        command += ["-a", "docdatetime=2026-01-01 00:00:00 UTC"]
        return {
            document.name: _run([*command, "-"], given=sources.asciidoc(document))
            for document in documents
        }

    return render


def _hugo(line_numbers: str) -> Render:
    """Hugo's Goldmark and Chroma, with a layout of our own around them."""

    def render(documents: list[Document], folder: Path) -> Pages:
        for name in ("content", "layouts/_default"):
            (folder / name).mkdir(parents=True)
        settings = 'baseURL = "/"\ndisableKinds = ["taxonomy", "term", "RSS"]\n'
        settings += f"[markup.highlight]\n{line_numbers}\n"
        settings += "[markup.goldmark.extensions.passthrough]\nenable = true\n"
        settings += "[markup.goldmark.extensions.passthrough.delimiters]\n"
        settings += "block = [['$$', '$$']]\ninline = [['$', '$']]\n"
        (folder / "hugo.toml").write_text(settings)
        layout = (
            "<!DOCTYPE html><html><head><title>{{ .Title }}</title></head>"
            '<body><article class="post"><h1>{{ .Title }}</h1>'
            '<div class="post-content">{{ .Content }}</div></article></body></html>'
        )
        (folder / "layouts" / "_default" / "single.html").write_text(layout)
        (folder / "layouts" / "_default" / "list.html").write_text("")
        for document in documents:
            head = (
                f"---\ntitle: {json.dumps(document.title, ensure_ascii=False)}\n---\n"
            )
            path = folder / "content" / f"{document.name}.md"
            path.write_text(head + sources.markdown(document, title=False), "utf-8")
        _run(["hugo", "--quiet", "-d", "out"], folder)
        return {
            d.name: (folder / "out" / d.name / "index.html").read_text("utf-8")
            for d in documents
        }

    return render


def _node(name: str) -> Render:
    def render(documents: list[Document], folder: Path) -> Pages:
        texts = {d.name: sources.markdown(d) for d in documents}
        command = ["node", str(HERE / "render.mjs"), name]
        said: Mapping[str, str] = json.loads(
            _run(command, CACHE / "node", json.dumps(texts))
        )
        return {d.name: _whole(said[d.name], d) for d in documents}

    return render


def _vitepress(documents: list[Document], folder: Path) -> Pages:
    # VitePress looks for its packages above the folder of the pages.
    site = CACHE / "node" / "site"
    shutil.rmtree(site, ignore_errors=True)
    (site / ".vitepress").mkdir(parents=True)
    (site / ".vitepress" / "config.mjs").write_text(
        "export default { title: 'Bread', ignoreDeadLinks: true };\n"
    )
    for document in documents:
        (site / f"{document.name}.md").write_text(sources.markdown(document), "utf-8")
    _run(["npx", "--no-install", "vitepress", "build", "site"], CACHE / "node")
    out = site / ".vitepress" / "dist"
    return {d.name: (out / f"{d.name}.html").read_text("utf-8") for d in documents}


_PYTHON_MARKDOWN = """
import json, sys, markdown
given = json.load(sys.stdin)
extensions = ["tables", "footnotes", "def_list", "fenced_code", "codehilite"]
settings = {"codehilite": {"linenums": True}}
made = {name: markdown.markdown(text, extensions=extensions, extension_configs=settings)
        for name, text in given.items()}
json.dump(made, sys.stdout)
"""
_MISTUNE = """
import json, sys, mistune
given = json.load(sys.stdin)
render = mistune.create_markdown(plugins=["table", "footnotes", "def_list", "math"])
json.dump({name: render(text) for name, text in given.items()}, sys.stdout)
"""
_DOCUTILS = """
import json, sys
from docutils.core import publish_string
given = json.load(sys.stdin)
settings = {"output_encoding": "unicode", "math_output": "MathML", "report_level": 4}
json.dump({name: publish_string(text, writer="html5", settings_overrides=settings)
           for name, text in given.items()}, sys.stdout)
"""


def _library(code: str) -> Render:
    """A library for Markdown in Python."""

    def render(documents: list[Document], folder: Path) -> Pages:
        texts = {d.name: sources.markdown(d) for d in documents}
        said = json.loads(
            _run([str(_python("python")), "-c", code], given=json.dumps(texts))
        )
        return {d.name: _whole(said[d.name], d) for d in documents}

    return render


def _docutils(documents: list[Document], folder: Path) -> Pages:
    texts = {d.name: sources.restructured(d) for d in documents}
    command = [str(_python("python")), "-c", _DOCUTILS]
    said: Pages = json.loads(_run(command, given=json.dumps(texts)))
    return said


def _template(name: str) -> Render:
    def render(documents: list[Document], folder: Path) -> Pages:
        template = templates.TEMPLATES[name]
        return {d.name: templates.page(d, template) for d in documents}

    return render


_NO_DEFINITIONS: Final = frozenset(("definitions",))
GENERATORS: Final = (
    Generator("pandoc-mathjax", "pandoc", "BSD", _pandoc("--mathjax")),
    Generator("pandoc-mathml", "pandoc", "BSD", _pandoc("--mathml")),
    Generator("pandoc-katex", "pandoc", "BSD", _pandoc("--katex", "--toc")),
    Generator("sphinx-alabaster", "sphinx", "BSD", _sphinx("alabaster", "")),
    Generator("sphinx-furo", "sphinx", "MIT", _sphinx("furo", "")),
    Generator(
        *("sphinx-rtd", "sphinx", "MIT"),
        _sphinx("sphinx_rtd_theme", "sphinx_rtd_theme"),
    ),
    Generator("sphinx-pydata", "sphinx", "BSD", _sphinx("pydata_sphinx_theme", "")),
    Generator("mkdocs-mkdocs", "mkdocs", "BSD", _mkdocs("mkdocs")),
    Generator("mkdocs-readthedocs", "mkdocs", "MIT", _mkdocs("readthedocs")),
    Generator("mkdocs-material", "mkdocs", "MIT", _mkdocs("material")),
    Generator("asciidoctor-rouge", "asciidoctor", "MIT", _asciidoctor("rouge")),
    Generator(
        *("asciidoctor-numbers", "asciidoctor", "MIT"),
        _asciidoctor(
            "rouge", "-a", "source-linenums-option", "-a", "rouge-linenums-mode=table"
        ),
    ),
    Generator("hugo-chroma", "hugo", "own", _hugo("lineNos = false")),
    Generator(
        *("hugo-numbers", "hugo", "own"),
        _hugo("lineNos = true\nlineNumbersInTable = true"),
    ),
    Generator(
        "markdown-it-katex-highlight", "markdown-it", "own", _node("markdown-it")
    ),
    Generator(
        "marked-mathjax-prism", "marked", "own", _node("marked"), _NO_DEFINITIONS
    ),
    Generator("remark-shiki", "remark", "own", _node("remark"), _NO_DEFINITIONS),
    Generator("vitepress", "vitepress", "MIT", _vitepress, _NO_DEFINITIONS),
    Generator(
        "python-markdown-pygments", "python-markdown", "own", _library(_PYTHON_MARKDOWN)
    ),
    Generator("mistune", "mistune", "own", _library(_MISTUNE)),
    Generator("docutils-mathml", "docutils", "BSD", _docutils),
    *(Generator(name, name, "own", _template(name)) for name in templates.TEMPLATES),
)
