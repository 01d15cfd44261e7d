/** Of the page that a run leaves behind: legible from a phone's 320 pixels on, and on paper. */
export const PAGE_STYLE = `
:root { color-scheme: light; --ink: #1f2328; --soft: #59636e; --rule: #d8dee4; --ground: #f6f8fa; --good: #1a7f37; --bad: #b3261e; }
* { box-sizing: border-box; }
body { max-width: 72rem; margin: 0 auto; padding: 1rem; background: #fff; color: var(--ink); font: 1rem/1.45 system-ui, sans-serif; }
header { display: flex; flex-wrap: wrap; align-items: center; gap: .4rem 1rem; }
h1 { margin: 0; font-size: 1.5rem; }
h2 { margin: 2rem 0 .6rem; font-size: 1.15rem; }
.badge { padding: .2rem .8rem; border-radius: 2rem; background: var(--good); color: #fff; font-weight: 700; }
.badge.bad { background: var(--bad); }
.about { margin: .4rem 0 1rem; color: var(--soft); font-size: .875rem; overflow-wrap: anywhere; }
.notes { margin: 0 0 1rem; padding-left: 1.2rem; overflow-wrap: anywhere; }
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
figure { margin: 1.4rem 0 0; padding-bottom: 1.6rem; }
figcaption { font-size: .875rem; font-weight: 600; }
.legend { display: flex; flex-wrap: wrap; gap: .1rem .9rem; margin: .1rem 0 .3rem; padding: 0; font-size: .75rem; list-style: none; }
.legend i { display: inline-block; width: 1rem; height: .2rem; margin-right: .35rem; vertical-align: middle; }
.plot { position: relative; height: 11rem; margin: .5rem 1.4rem 0 3rem; font-size: .75rem; color: var(--soft); font-variant-numeric: tabular-nums; }
.plot svg { display: block; width: 100%; height: 100%; overflow: visible; }
.plot span { position: absolute; white-space: nowrap; line-height: 1; }
.plot .y { right: 100%; padding-right: .4rem; transform: translateY(-50%); }
.plot .x { top: 100%; padding-top: .4rem; transform: translateX(-50%); }
@media (max-width: 56rem) {
  /* A row with so many columns becomes a list of names and figures. */
  .phases thead { display: none; }
  .phases tr { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: 0 1rem; margin-bottom: 1.2rem; }
  .phases td { display: flex; justify-content: space-between; padding: .25rem 0; }
  .phases td::before { content: attr(data-label); color: var(--soft); }
  .phases td:first-child { grid-column: 1 / -1; font-size: .9375rem; font-weight: 600; }
  .phases td:first-child::before { content: none; }
}
`;
