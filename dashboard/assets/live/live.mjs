// The calls in progress as a table whose cells change in place: a row keeps its element as long as its call goes on,
// so that a reader's scroll, focus and selection are not lost once a second.

const shown = new WeakMap();

export function show(component) {
  const root = component.parentElement;
  if (!shown.has(root)) shown.set(root, new Live(root));
  shown.get(root).update(component);
  return () => shown.delete(root);
}

class Live {
  constructor(root) {
    this.head = root.querySelector("thead tr");
    this.body = root.querySelector("tbody");
    this.rows = new Map(); // session id -> its row
    this.body.addEventListener("click", (event) => this.#clicked(event));
  }

  update({ data, setTriggerValue }) {
    this.tell = setTriggerValue;
    this.columns = data.columns;
    if (!this.head.children.length) this.head.append(head("id", "call", data.id_help), ...data.columns.map((one) => head(one.name, one.head, one.help)));
    const gone = new Set(this.rows.keys());
    data.rows.forEach((call, place) => {
      gone.delete(call.id);
      const row = this.rows.get(call.id) ?? this.#made(call);
      this.#fill(row, call, data.colours);
      if (this.body.children[place] !== row) this.body.insertBefore(row, this.body.children[place] ?? null);
    });
    for (const id of gone) { this.rows.get(id).remove(); this.rows.delete(id); }
  }

  #made(call) {
    const row = document.createElement("tr"), link = document.createElement("a");
    row.dataset.session = call.id;
    link.href = new URL(`./session?session=${encodeURIComponent(call.id)}`, document.baseURI).href;
    link.textContent = call.short;
    row.append(cell("id", link), ...this.columns.map((one) => cell(one.name)));
    const mark = document.createElement("i"), name = document.createElement("span"), note = document.createElement("span");
    note.className = "note";
    row.querySelector(".state").append(mark, name, note);
    this.rows.set(call.id, row);
    return row;
  }

  #fill(row, call, colours) {
    row.dataset.state = call.state;
    const [mark, name, note] = row.querySelector(".state").children;
    mark.style.background = colours[call.state] ?? "";
    put(name, call.state);
    put(note, call.note ? ` ${call.note}` : "");
    for (const { name: column } of this.columns) if (column !== "state") put(row.querySelector(`.${column}`), call[column]);
  }

  /** A click anywhere in a row opens its call here; with a key held down the link does what links do. */
  #clicked(event) {
    const row = event.target.closest("tr");
    if (!row || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    this.tell("opened", row.dataset.session);
  }
}

function put(element, text) { if (element.textContent !== text) element.textContent = text; }

function cell(name, ...inside) {
  const made = document.createElement("td");
  made.className = name;
  made.append(...inside);
  return made;
}

function head(name, text, help) {
  const made = document.createElement("th");
  made.className = name;
  made.scope = "col";
  made.textContent = text;
  if (help) made.title = help;
  return made;
}
