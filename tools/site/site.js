// What moves sideways in itself can be moved by keys too: it takes the focus while it is wider than its place.

const SCROLLS = "pre, table, .table-wrapper, .cell_output, p:has(> img)";

function update(box) {
    const wide = box.scrollWidth > box.clientWidth && getComputedStyle(box).overflowX !== "visible";
    if (wide) box.tabIndex = 0;
    else if (box.tabIndex === 0) box.removeAttribute("tabindex");
}

document.addEventListener("DOMContentLoaded", () => {
    const sizes = new ResizeObserver(entries => entries.forEach(entry => update(entry.target)));
    for (const box of document.querySelectorAll(SCROLLS)) sizes.observe(box);
    // what the theme leaves out for those who cannot see the page
    for (const heading of document.querySelectorAll("p.caption[role=heading]")) heading.ariaLevel = "2";
    for (const [selector, name] of [[".sidebar-drawer", "The course"], [".toc-drawer", "This page"]])
        document.querySelector(selector)?.setAttribute("aria-label", name);
});
