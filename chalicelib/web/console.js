// The console: projects, their deployments and nights, and the photographs of a night.
// Every text from the server goes into the page as text, never as markup.
"use strict";

const view = document.getElementById("view");
const trail = document.getElementById("trail");
const statusLine = document.getElementById("status");
const viewer = document.getElementById("viewer");

async function api(path) {
  const url = path.startsWith("http") ? path : `api/v2${path}`;
  const answer = await fetch(url);
  const content = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(content.detail || `The server answered ${answer.status}.`);
  return content;
}

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

const number = (count) => count.toLocaleString("en");
const many = (count, one, more = `${one}s`) => `${number(count)} ${count === 1 ? one : more}`;
const day = (moment) => (moment ? moment.slice(0, 10) : "");
const clock = (moment) => (moment ? moment.slice(11, 16) : "undated");

function show(crumbs, ...content) {
  const links = crumbs.map(([label, address]) => (address ? element("a", { href: address }, label) : label));
  trail.replaceChildren(...links.flatMap((link, place) => (place ? [" › ", link] : [link])));
  view.replaceChildren(...content);
  window.scrollTo(0, 0);
}

function picture(capture, label, alt) {
  const address = capture.thumbnails[label];
  if (!address) return null;
  return element("img", { src: address, alt, loading: "lazy", onerror: (event) => renew(event.target, capture, label) });
}

// A picture whose address no longer leads to one: the server looks whether it is lost, and renders it again.
function renew(image, capture, label) {
  const address = `api/v2/captures/thumbnails/${capture.id}?label=${label}&verify=true`;
  if (image.getAttribute("src") !== address) image.setAttribute("src", address);
}

function counted(owner) {
  const parts = [many(owner.captures_count, "photograph"), many(owner.events_count, "session")];
  if (owner.undated_count) parts.push(`${number(owner.undated_count)} undated`);
  return parts.join(" · ");
}

function card(address, image, title, ...lines) {
  const text = element("div", {}, element("strong", {}, title));
  lines.filter(Boolean).forEach((line) => text.append(element("span", { class: "quiet" }, line), element("br")));
  return element("li", {}, element("a", { class: "card", href: address }, image ?? "", text));
}

async function projects() {
  const found = await api("/projects?limit=100");
  const cards = found.results.map((one) =>
    card(`#/projects/${one.id}`, null, one.name, many(one.deployments_count, "station"), counted(one)));
  const empty = element("p", { class: "quiet" },
    "No projects yet. Start with DEMO=1 for one with two nights, or make your own through the API: see the README.");
  show([["Projects", null]], element("h1", {}, "Projects"),
    cards.length ? element("ul", { class: "cards" }, ...cards) : empty);
}

function sessionCard(one) {
  const example = one.example_captures[0];
  const image = example ? picture(example, "medium", `A photograph of ${one.date_label}`) : null;
  return card(`#/events/${one.id}`, image, one.date_label, one.deployment?.name,
    `${clock(one.start)}–${clock(one.end)}, ${one.duration_label}`, many(one.captures_count, "photograph"));
}

async function project(id) {
  const [one, stations, sessions] = await Promise.all([
    api(`/projects/${id}`),
    api(`/deployments?project_id=${id}&limit=100`),
    api(`/events?project_id=${id}&ordering=-start&limit=24`),
  ]);
  const stationCards = stations.results.map((each) =>
    card(`#/deployments/${each.id}`, null, each.name, counted(each),
      each.first_capture_timestamp && `${day(each.first_capture_timestamp)} to ${day(each.last_capture_timestamp)}`));
  show([["Projects", "#/"], [one.name, null]],
    element("h1", {}, one.name), element("p", { class: "quiet" }, one.description || counted(one)),
    element("h2", {}, "Stations"), element("ul", { class: "cards" }, ...stationCards),
    element("h2", {}, "Latest nights"), ...nights(sessions));
}

function nights(first) {
  const list = element("ul", { class: "cards" }, ...first.results.map(sessionCard));
  return [list, more(first, (page) => list.append(...page.results.map(sessionCard)))];
}

function more(first, add) {
  let next = first.next;
  const button = element("button", { class: "more", type: "button" }, "Show more");
  button.hidden = !next;
  button.addEventListener("click", async () => {
    button.disabled = true;
    const page = await api(next);
    add(page);
    next = page.next;
    button.hidden = !next;
    button.disabled = false;
  });
  return button;
}

async function deployment(id) {
  const one = await api(`/deployments/${id}`);
  const [owner, sessions] = await Promise.all([
    api(`/projects/${one.project_id}`),
    api(`/events?project_id=${one.project_id}&deployment=${id}&ordering=-start&limit=24`),
  ]);
  show([["Projects", "#/"], [owner.name, `#/projects/${owner.id}`], [one.name, null]],
    element("h1", {}, one.name), element("p", { class: "quiet" }, counted(one)),
    element("h2", {}, "Nights"), ...nights(sessions));
}

async function session(id) {
  const one = await api(`/events/${id}`);
  const first = await api(`/captures?project_id=${one.project_id}&event=${id}&limit=100`);
  const captures = [];
  const gallery = element("div", { class: "gallery" });
  const add = (page) => {
    for (const capture of page.results) {
      const place = captures.push(capture) - 1;
      gallery.append(frame(capture, () => open(captures, place)));
    }
  };
  add(first);
  show([["Projects", "#/"], [one.deployment.name, `#/deployments/${one.deployment.id}`], [one.date_label, null]],
    element("h1", {}, one.date_label),
    element("p", { class: "quiet" },
      `${one.deployment.name} · ${clock(one.start)}–${clock(one.end)}, ${one.duration_label} · ${many(one.captures_count, "photograph")}`),
    gallery, more(first, add));
}

function frame(capture, opened) {
  if (capture.state === "unreadable") {
    return element("div", { class: "frame unreadable" }, `${capture.path}: ${capture.reason}`);
  }
  const label = `Photograph of ${clock(capture.timestamp)}`;
  return element("button", { class: "frame", type: "button", "aria-label": label, onclick: opened },
    picture(capture, "small", ""), element("span", {}, clock(capture.timestamp)));
}

let shown = { captures: [], place: 0 };

function open(captures, place) {
  shown = { captures, place };
  const capture = captures[place];
  const image = document.getElementById("picture");
  image.onerror = () => renew(image, capture, "medium");
  image.src = capture.thumbnails.medium;
  image.alt = `Photograph of ${capture.timestamp ?? capture.path}`;
  const taken = capture.timestamp ? capture.timestamp.replace("T", " ").slice(0, 19) : "undated";
  document.getElementById("caption").textContent =
    `${taken} · ${capture.path} · ${capture.width}×${capture.height} · ${capture.size_display} · ${place + 1} of ${captures.length}`;
  if (!viewer.open) viewer.showModal();
}

function step(by) {
  let place = shown.place + by;
  while (shown.captures[place] && shown.captures[place].state === "unreadable") place += by;
  if (shown.captures[place]) open(shown.captures, place);
}

document.getElementById("previous").addEventListener("click", () => step(-1));
document.getElementById("next").addEventListener("click", () => step(1));
document.getElementById("close").addEventListener("click", () => viewer.close());
viewer.addEventListener("keydown", (event) => {
  if (event.key === "ArrowLeft") step(-1);
  if (event.key === "ArrowRight") step(1);
});

const pages = { "": projects, projects: project, deployments: deployment, events: session };

async function route() {
  if (viewer.open) viewer.close();
  const [, kind = "", id = ""] = location.hash.split("/");
  const page = pages[kind] && (kind === "" || /^[a-z0-9-]+$/.test(id)) ? pages[kind] : projects;
  try {
    await page(id);
  } catch (error) {
    show([["Projects", "#/"]], element("h1", {}, "That did not work"), element("p", {}, error.message),
      element("button", { class: "more", type: "button", onclick: route }, "Try again"));
  }
}

window.addEventListener("hashchange", route);
route();
api("/status").then((status) => { statusLine.textContent = `Nightjar ${status.version} · ${status.engine}`; })
  .catch(() => { statusLine.textContent = "The server does not answer."; });
