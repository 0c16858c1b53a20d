/** Line icons, drawn here so that nothing is loaded for them. */

const SVG = "http://www.w3.org/2000/svg";

const PATHS = {
  send: "M12 19V5M5.5 11.5 12 5l6.5 6.5",
  stop: "M8 8h8v8H8z",
  plus: "M12 5.5v13M5.5 12h13",
  close: "M6.5 6.5l11 11M17.5 6.5l-11 11",
  menu: "M4.5 7h15M4.5 12h15M4.5 17h15",
  reply: "M9.5 7 4.5 12l5 5M5 12h8.5a6 6 0 0 1 6 6v.5",
  copy: "M9 9h10.5v10.5H9zM15 9V4.5H4.5V15H9",
  edit: "M4.5 19.5l1-4L16 5l3 3L8.5 18.5zM13.5 7.5l3 3",
  delete: "M5 7.5h14M9.5 7.5v-3h5v3M7 7.5l.8 12h8.4l.8-12",
  retry: "M19 12a7 7 0 1 1-2.3-5.2M19 4.5v4h-4",
  good: "M7.5 19.5v-9l4-6.5c2 0 2.5 1.5 2 3l-.7 3h4.7c1.3 0 2 1.2 1.7 2.3l-1.5 5.5a2.3 2.3 0 0 1-2.2 1.7zM4.5 10.5v9",
  bad: "M16.5 4.5v9l-4 6.5c-2 0-2.5-1.5-2-3l.7-3H6.5c-1.3 0-2-1.2-1.7-2.3l1.5-5.5a2.3 2.3 0 0 1 2.2-1.7zM19.5 13.5v-9",
  done: "M5 12.5l4.5 4.5L19 7.5",
  file: "M6.5 4.5h7l4 4v11h-11zM13.5 4.5v4h4",
  down: "M12 5v14M5.5 12.5 12 19l6.5-6.5",
};

/** An icon that says nothing to those who can't see it; the button around it has the label. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", `icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}
