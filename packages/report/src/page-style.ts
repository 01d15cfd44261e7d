/** Style of every page: readable in light and dark mode, on screens from 320 pixels wide, and on paper. */
export const PAGE_STYLE = `
:root {
  color-scheme: light dark;
  --ink: #1f2328; --soft: #59636e; --rule: #d8dee4; --ground: #f6f8fa; --page: #fff; --good: #1a7f37; --bad: #b3261e;
  --blue: #2f6db0; --green: #2f8a4a; --orange: #c96f12; --red: #c0392b; --grey: #7b858f; --violet: #7a4fa3;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e6edf3; --soft: #9aa5b1; --rule: #30363d; --ground: #161b22; --page: #0d1117; --good: #238636; --bad: #f47067;
    --blue: #5b9ee6; --green: #56b870; --orange: #e89a4a; --red: #f47067; --grey: #8b949e; --violet: #b48ae0;
  }
}
* { box-sizing: border-box; }
body { max-width: 72rem; margin: 0 auto; padding: 1rem; background: var(--page); color: var(--ink); font: 1rem/1.45 system-ui, sans-serif; }
header { display: flex; flex-wrap: wrap; align-items: center; gap: .4rem 1rem; }
h1 { margin: 0; font-size: 1.5rem; }
h2 { margin: 2rem 0 .6rem; font-size: 1.15rem; }
.badge { padding: .2rem .8rem; border-radius: 2rem; background: var(--good); color: #fff; font-weight: 700; }
.badge.bad { background: var(--bad); color: var(--page); }
.about { margin: .4rem 0 1rem; color: var(--soft); font-size: .875rem; overflow-wrap: anywhere; }
.notes { margin: 1rem 0; padding-left: 1.2rem; overflow-wrap: anywhere; }
.bad-text { color: var(--bad); font-weight: 600; }
table { width: 100%; border-collapse: collapse; font-size: .8125rem; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .45rem; border-bottom: 1px solid var(--rule); text-align: right; vertical-align: top; }
th:first-child, td:first-child { padding-left: 0; text-align: left; }
th { color: var(--soft); font-weight: 600; }
.limits td, .limits th { text-align: left; white-space: nowrap; }
.limits td:first-child { white-space: normal; overflow-wrap: anywhere; }
.limits .bad-text { font-weight: inherit; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(6.5rem, 1fr)); gap: .5rem; margin: 0; }
dl div { padding: .4rem .6rem; border-radius: .4rem; background: var(--ground); }
dt { color: var(--soft); font-size: .75rem; }
dd { margin: 0; font-weight: 600; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
figure { margin: 1.6rem 0 0; }
figcaption { font-size: .875rem; font-weight: 600; }
.legend { display: flex; flex-wrap: wrap; gap: .1rem .9rem; margin: .1rem 0 .3rem; padding: 0; font-size: .75rem; list-style: none; }
.legend i { display: inline-block; width: 1rem; height: .2rem; margin-right: .35rem; vertical-align: middle; }
figure svg { --plot-background: var(--page); display: block; width: 100%; height: auto; }
figure svg.narrow { display: none; max-width: 30rem; }
@media (max-width: 56rem) {
  .plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(20rem, 100%), 1fr)); gap: 0 1.5rem; align-items: end; }
  figure svg.wide { display: none; }
  figure svg.narrow { display: block; }
  /* A row with so many columns becomes a list of names and figures. */
  .phases thead { display: none; }
  .phases tr { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: 0 1rem; margin-bottom: 1.2rem; }
  .phases td { display: flex; justify-content: space-between; padding: .25rem 0; }
  .phases td::before { content: attr(data-label); color: var(--soft); }
  .phases td:first-child { grid-column: 1 / -1; font-size: .9375rem; font-weight: 600; }
  .phases td:first-child::before { content: none; }
}
`;
