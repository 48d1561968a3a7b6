/** Computes the first criterion again from evidence.json alone, with the library that defined these scores. */
export const recomputeScript = `# pip install rouge-score==0.1.2 scipy; evidence.json lies beside this page
import json
import numpy as np
from rouge_score.rouge_scorer import RougeScorer
from scipy.stats import skew, t

evidence = json.load(open('evidence.json', encoding='utf-8'))
policy, decision = evidence['policy'], evidence['decision']
metric, margin = policy['metric'], policy['margin']
scorer = RougeScorer([metric], use_stemmer=True)

def scores(side):
    return np.array([100 * scorer.score(article['reference'], article[side]['text'])[metric].fmeasure
                     for article in evidence['articles']])

baseline, candidate = scores('baseline'), scores('candidate')
differences = candidate - baseline
count, mean, spread = len(differences), differences.mean(), differences.std(ddof=1)
skewness = skew(differences, bias=False) if count > 2 and spread > 0 else 0
student = t.ppf(1 - decision['nominalAlpha'], count - 1)
# Johnson (1978): the bound that PASS rests on is wider where a few articles lose much, or may do so unseen
lean = max(0, (2 * (6 / count) ** 0.5 - skewness) * (2 * student ** 2 + 1)) / (6 * count ** 0.5)
error = spread / count ** 0.5
limit = -margin['value'] * (baseline.mean() if margin['kind'] == 'share' else 1)

computed = {'estimate': mean, 'lowerBound': mean - (student + lean) * error, 'upperBound': mean + student * error,
            'limit': limit}
recorded = decision['criteria'][0]
for name, value in computed.items():
    print(f'{name}: computed {value:.4f}, recorded {recorded[name]:.4f}')
`;
