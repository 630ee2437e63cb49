// Number every control in the order of the document; answers how many there are.
() => {
  const all = [...document.querySelectorAll("a[href], button, summary, [tabindex='0']")]
    .filter((one) => one.checkVisibility({ checkVisibilityCSS: true }));
  all.forEach((one, number) => { one.dataset.control = number; });
  return all.length;
}
