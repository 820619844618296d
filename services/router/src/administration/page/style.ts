/** The style of the page: light and dark, readable at 400 px. No font, image or script is loaded. */
export const STYLE = `
:root { color-scheme: light dark; --line: #c8ccd4; --quiet: #5a6270; --fault: #b00020; --accent: #0b57d0; --field: #fff; --back: #fafbfc }
@media (prefers-color-scheme: dark) { :root { --line: #444a55; --quiet: #a5adba; --fault: #ff8a8a; --accent: #8ab4f8; --field: #14171c; --back: #1b1f26 } }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 72rem; padding: 1rem; background: var(--back) }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2rem }
.scroll { overflow-x: auto }
table { border-collapse: collapse; width: 100% }
th, td { border-bottom: 1px solid var(--line); padding: .4rem .8rem .4rem 0; text-align: left; vertical-align: top }
th { color: var(--quiet); font-weight: 600 }
code { font-family: ui-monospace, monospace; overflow-wrap: anywhere }
small { color: var(--quiet); display: block }
.fault { color: var(--fault) }
.notice { border: 1px solid var(--line); border-left: .3rem solid var(--fault); padding: .5rem 1rem }
form.new { display: grid; gap: .6rem 1rem; grid-template-columns: repeat(auto-fill, minmax(14rem, 1fr)); align-items: end }
label { display: block }
input { background: var(--field); border: 1px solid var(--line); border-radius: .25rem; box-sizing: border-box; color: inherit; font: inherit; padding: .35rem .5rem; width: 100% }
button { background: none; border: 1px solid var(--accent); border-radius: .25rem; color: var(--accent); cursor: pointer; font: inherit; padding: .35rem .9rem }
button:focus-visible, input:focus-visible, a:focus-visible { outline: .15rem solid var(--accent); outline-offset: .1rem }
a { color: var(--accent) }
`;
